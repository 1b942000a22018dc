#include "plan/choose_lowered.h"

#include <algorithm>
#include <limits>

namespace fi::plan {
namespace {

constexpr double kPieceCycles = 1.5;  // one contiguous piece of the matrix: its address and tail
constexpr double kGroupPieceCycles = 11;   // the same where groups make pieces short
constexpr double kMecRowCycles = 1;        // a row of a tile: its offset, once
constexpr double kGroupMecRowCycles = 70;  // the same of each group: its rows begin anew
constexpr double kMecEfficiency = 0.9;     // of the product: its rows lie far apart

double in_floats(const ConvQuery& q, int64_t rows, int64_t row_taps) {
  return static_cast<double>(rows) * static_cast<double>(q.out_width) *
         static_cast<double>(row_taps) * static_cast<double>(q.in_channels);
}

/// Writing `floats` in pieces, and reading them again.
double lowering_cycles(const ConvQuery& q, double floats, double pieces, const Machine& machine) {
  const double piece = q.groups == 1 ? kPieceCycles : kGroupPieceCycles;
  return 2 * floats * sizeof(float) / machine.bytes_per_cycle + pieces * piece;
}

int64_t in_bytes(double floats) {
  constexpr double kMost = 9e18;
  return static_cast<int64_t>(std::min(floats * sizeof(float), kMost));
}

}  // namespace

Candidate im2col_candidate(const ConvQuery& q, const Machine& machine) {
  const double floats = in_floats(q, q.out_height, q.window.taps());
  const double images = static_cast<double>(q.batch);
  const double pieces = static_cast<double>(q.out_height * q.out_width) *
                        static_cast<double>(q.window.kernel_h * q.groups);
  Candidate c{"im2col",
              gemm_cycles(q, machine) + images * lowering_cycles(q, floats, pieces, machine)};
  c.lowered_bytes = in_bytes(floats);
  return c;
}

Candidate mec_candidate(const ConvQuery& q, const Machine& machine) {
  const Window& w = q.window;
  const int64_t window_rows = static_cast<int64_t>(w.kernel_h - 1) * w.dilation_h + 1;
  const int64_t rows = std::max<int64_t>(q.out_height - 1, 0) * w.stride_h + window_rows;
  const double floats = in_floats(q, rows, w.kernel_w), images = static_cast<double>(q.batch);
  const double pieces = static_cast<double>(rows * q.out_width) * static_cast<double>(q.groups);
  const double outputs = static_cast<double>(q.out_height * q.out_width) * images;
  Candidate c{"mec", gemm_cycles(q, machine) / kMecEfficiency +
                         images * lowering_cycles(q, floats, pieces, machine) +
                         outputs * static_cast<double>(q.groups) *
                             (q.groups == 1 ? kMecRowCycles : kGroupMecRowCycles)};
  c.lowered_bytes = in_bytes(floats);
  if (in_floats(q, window_rows, w.kernel_w) * sizeof(float) >=
      std::numeric_limits<int32_t>::max()) {
    c.refusal = "one output row's matrix is over 2 GiB, beyond 32-bit offsets";
  }
  return c;
}

}  // namespace fi::plan
