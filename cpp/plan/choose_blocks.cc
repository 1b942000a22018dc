#include "plan/choose_blocks.h"

#include <algorithm>
#include <cmath>

#include "kernels/blocks/pack.h"

namespace fi::plan {
namespace {

using blocks::Way;

// Measured on 1x1 layers at densities of 5 to 50 %. Cycles of a vector of pixels and a stored
// weight of blocks of one and of four outputs; of staging a vector of inputs, and of writing one of
// outputs.
constexpr double kPixelCycles[] = {1.4, 0.65};
constexpr double kStageCycles = 9, kWriteCycles = 9;
// The rows way: of a vector of weights and one row of x; of a group beside them.
constexpr double kRowCycles = 2.5, kGroupCycles = 60;

double read_cycles(double bytes) {
  constexpr double kL2 = 1 << 20;
  constexpr double kL2Bytes = 24, kBeyondBytes = 10;  // a cycle
  return bytes / (bytes <= kL2 ? kL2Bytes : kBeyondBytes);
}

double pixel_cycles(const ProductQuery& q, double weights, int block_outputs,
                    const Machine& machine) {
  const double vectors = std::ceil(static_cast<double>(q.m) / (machine.macs_per_cycle / 2));
  return vectors *
         (weights * kPixelCycles[block_outputs == 4] + static_cast<double>(q.k) * kStageCycles +
          static_cast<double>(q.n) * kWriteCycles);
}

double row_cycles(const ProductQuery& q, double weights, int block_outputs,
                  const Machine& machine) {
  const double lanes = machine.macs_per_cycle / 2, rows = static_cast<double>(q.m);
  const double groups = static_cast<double>(q.n) / (blocks::kQuads * block_outputs);
  const double bytes = static_cast<double>(
      blocks::packed_bytes(static_cast<int64_t>(weights) / blocks::kBlock, Way::rows));
  return std::max(rows * (weights / lanes * kRowCycles + groups * kGroupCycles),
                  read_cycles(bytes));
}

}  // namespace

Way way_of(int64_t rows, int64_t inputs, int block_outputs) {
  const bool few = rows <= blocks::kMaxRows && blocks::rows_reach(inputs, block_outputs);
  return few ? Way::rows : Way::pixels;
}

double block_cycles(const ProductQuery& q, double weights, int block_outputs,
                    const Machine& machine) {
  return way_of(q.m, q.k, block_outputs) == Way::rows
             ? row_cycles(q, weights, block_outputs, machine)
             : pixel_cycles(q, weights, block_outputs, machine);
}

Candidate block_candidate(const ConvQuery& q, const Machine& machine) {
  Candidate c{"blocks"};
  const Window& w = q.window;
  const bool covers =
      (q.out_height - 1) * w.stride_h < q.in_height && (q.out_width - 1) * w.stride_w < q.in_width;
  if (q.block_outputs == 0) {
    c.refusal = "the weights are not stored in blocks";
  } else if (w.taps() != 1) {
    c.refusal = "the window has more than one tap";
  } else if (q.groups != 1) {
    c.refusal = "the channels are grouped";
  } else if (w.pad_top != 0 || w.pad_left != 0 || !covers) {
    c.refusal = "the input is padded";
  }
  const double weights = q.density * static_cast<double>(q.in_channels * q.out_channels);
  c.cycles = block_cycles({q.batch * q.out_height * q.out_width, q.out_channels, q.in_channels},
                          weights, std::max(q.block_outputs, 1), machine);
  return c;
}

}  // namespace fi::plan
