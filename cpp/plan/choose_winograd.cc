#include "plan/choose_winograd.h"

#include <algorithm>

#include "kernels/winograd/winograd.h"

namespace fi::plan {
namespace {

// Fitted on the 3x3 layers of ResNet, VGG, AlexNet and SqueezeNet inside those networks, where
// weights come from memory, on one thread and two, who share it.
constexpr double kEfficiency = 0.95;  // of the peak, by a point's product
constexpr double kSumCycles = 4.5;  // entering and storing a vector of its sums: few inputs feel it
constexpr double kFarBytes = 6.75;  // of weights in a cycle, from beyond L2
constexpr double kNotHidden = 0.3;  // of the shorter of the two, products and weights
constexpr double kNearColumns = 16;  // narrower products waste the rest of a vector

/// Cycles of one vector of one point, one way: load, add, store.
double transform_cycles(int m) { return 2 * m; }

double rounded_up(double n, double unit) { return std::max(n, unit); }

std::string refusal_of(const ConvQuery& q) {
  const Window& w = q.window;
  if (w.kernel_h != 3 || w.kernel_w != 3) return "the window is not 3x3";
  if (w.stride_h != 1 || w.stride_w != 1) return "a stride skips pixels";
  if (w.dilation_h != 1 || w.dilation_w != 1) return "the window is dilated";
  if (q.groups != 1) return "the channels are grouped";
  if (!q.constant_weights) return "the weights are not constant";
  return "";
}

double cycles_of(int m, const ConvQuery& q, const Machine& machine) {
  const int64_t down = (q.out_height + m - 1) / m, across = (q.out_width + m - 1) / m;
  const int64_t all = std::max<int64_t>(1, q.batch * down * across);
  const double points = (m + 2) * (m + 2), tiles = static_cast<double>(all);
  const double inputs = static_cast<double>(q.in_channels),
               outputs = static_cast<double>(q.out_channels);
  const int64_t block = winograd::block_tiles(m, all, q.in_channels, q.out_channels);
  const double blocks = static_cast<double>((all + block - 1) / block);
  const double columns = rounded_up(outputs, kNearColumns);
  const double products =
      points * tiles * columns *
      (inputs / (machine.macs_per_cycle * kEfficiency) + kSumCycles / (machine.macs_per_cycle / 2));
  const double weights = points * inputs * columns * sizeof(float) * blocks / kFarBytes;
  const double lanes = machine.macs_per_cycle / 2;
  const double transforms =
      points * tiles * (rounded_up(inputs, lanes) + columns) / lanes * transform_cycles(m);
  return std::max(products, weights) + kNotHidden * std::min(products, weights) + transforms;
}

Candidate candidate(int m, const ConvQuery& q, const Machine& machine) {
  Candidate c{"winograd_f" + std::to_string(m) + "3", 0, refusal_of(q)};
  if (!c.refusal.empty()) return c;
  c.cycles = cycles_of(m, q, machine);
  c.expect_error(winograd::expected_error(m, q.in_channels));
  // Sums of integers, as in binary networks, are exact in the other algorithms; here they are not.
  if (q.thresholded) c.inaccurate = "a step function follows, which its rounding may tip";
  return c;
}

}  // namespace

std::vector<Candidate> winograd_candidates(const ConvQuery& query, const Machine& machine) {
  return {candidate(2, query, machine), candidate(4, query, machine), candidate(6, query, machine)};
}

}  // namespace fi::plan
