// The algorithms of planar tensors, and what it costs to change the layout.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/pool/planes.h"
#include "plan/choose.h"

namespace fi::plan {
namespace {

// Measured on the layers of MobileNet and ResNet. Beside the cycles of one vector of pixels and one
// stored weight where a tile's inputs stay in L1 (every multiply-add reads a vector of them): those
// where they are staged and come from L2; cycles of one output channel and vector, beside its
// weights; of staging one vector.
constexpr double kStagedEntries = 5.0 / 3;
constexpr double kRowCycles = 4;
constexpr double kStageCycles = 4;
constexpr double kDepthwiseEfficiency = 0.25;  // of the peak
// Pooling: of a vector, and of each of its taps; of a planar row beside its vectors.
constexpr double kPoolVectorCycles = 6, kPoolTapCycles = 1.6;
constexpr double kPlanarPoolVectorCycles = 3, kPlanarPoolTapCycles = 1.2, kPoolRowCycles = 14;
constexpr double kCopies = 3;  // a transposing copy beside a plain one

double vectors(double pixels, const Machine& machine) {
  return std::ceil(pixels / (machine.macs_per_cycle / 2));
}

bool reads_in_place(const ConvQuery& q) {
  const Window& w = q.window;
  return w.taps() == 1 && w.stride_h == 1 && w.stride_w == 1 && w.pad_top == 0 && w.pad_left == 0;
}

Candidate sparse(const ConvQuery& q, const Machine& machine) {
  Candidate c{"sparse"};
  if (q.groups != 1) c.refusal = "the channels are grouped";
  if (!q.constant_weights) c.refusal = "the weights are not constant";
  const double batch = static_cast<double>(q.batch);
  const double inputs = static_cast<double>(q.in_channels),
               outputs = static_cast<double>(q.out_channels);
  const double taps = static_cast<double>(q.window.taps());
  const double tiles = batch * vectors(static_cast<double>(q.out_height * q.out_width), machine);
  const double entry = machine.stream_cycles * (reads_in_place(q) ? 1 : kStagedEntries);
  c.cycles = tiles * outputs * (inputs * taps * q.density * entry + kRowCycles);
  if (!reads_in_place(q)) {
    const double rows = batch * inputs * static_cast<double>(q.window.kernel_w * q.in_height);
    c.cycles += rows * vectors(static_cast<double>(q.out_width), machine) * kStageCycles;
  }
  return c;
}

Candidate depthwise(const ConvQuery& q, const Machine& machine) {
  Candidate c{"depthwise_planar"};
  if (q.groups != q.in_channels) c.refusal = "a group has more than one input channel";
  if (!q.constant_weights) c.refusal = "the weights are not constant";
  const double rows = static_cast<double>(q.batch * q.out_channels * q.out_height);
  c.cycles = rows * vectors(static_cast<double>(q.out_width), machine) *
             static_cast<double>(q.window.taps()) / (2 * kDepthwiseEfficiency);
  return c;
}

}  // namespace

std::vector<Candidate> planar_candidates(const ConvQuery& query, const Machine& machine) {
  return {sparse(query, machine), depthwise(query, machine)};
}

PoolCycles pool_cycles(const PoolQuery& q, const Machine& machine) {
  const Window& w = q.window;
  const double images = static_cast<double>(q.batch), height = static_cast<double>(q.out_height),
               width = static_cast<double>(q.out_width), channels = static_cast<double>(q.channels);
  const double taps = static_cast<double>(w.taps());
  PoolCycles cycles{};
  cycles.nhwc = images * height * width * vectors(channels, machine) *
                (kPoolVectorCycles + taps * kPoolTapCycles);
  pool::Pool2d pool;
  pool.window = w;
  const pool::Strip strip = pool::strip_of(pool, q.in_width, q.out_height, q.out_width);
  const auto vector = [](int32_t taps_of_axis) {
    return kPlanarPoolVectorCycles + taps_of_axis * kPlanarPoolTapCycles;
  };
  const double down = vectors(static_cast<double>(strip.columns), machine) * vector(w.kernel_h);
  const double across = vectors(width, machine) * vector(w.kernel_w);
  cycles.planar = pool::accepts(strip)
                      ? images * channels * height * (down + across + kPoolRowCycles)
                      : std::numeric_limits<double>::infinity();
  return cycles;
}

double layout_cycles(double bytes, const Machine& machine) {
  return 2 * kCopies * bytes / machine.bytes_per_cycle;
}

}  // namespace fi::plan
