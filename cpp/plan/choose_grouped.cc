#include "plan/choose_grouped.h"

#include <algorithm>
#include <cmath>

namespace fi::plan {
namespace {

// Shares of the peak, fitted on ResNeXt's and ShuffleNet's layers: of the rows made for a window,
// of stride 1 and 2; of the others that permute, and that broadcast.
constexpr double kSweptEfficiency[] = {0.7, 0.6};
constexpr double kPermutedEfficiency = 0.3, kTapEfficiency = 0.4;
constexpr double kWeightBytes = 8;  // of weights in a cycle: few pixels do not hide their coming

/// Windows that have rows of their own.
bool is_swept(const Window& w) {
  return w.kernel_h == 3 && w.kernel_w == 3 && w.stride_h == w.stride_w && w.stride_h <= 2 &&
         w.dilation_h == 1 && w.dilation_w == 1;
}

}  // namespace

Candidate grouped_candidate(const ConvQuery& q, const Machine& machine) {
  Candidate c{"grouped"};
  if (q.groups == 1) c.refusal = "the channels are not grouped";
  if (q.groups == q.in_channels && q.in_channels == q.out_channels)
    c.refusal =
        "a group has one channel";  // the depthwise rows' own; they are slow with multipliers
  if (!q.constant_weights) c.refusal = "the weights are not constant";
  if (!c.refusal.empty()) return c;
  const double lanes = machine.macs_per_cycle / 2, groups = static_cast<double>(q.groups);
  const double inputs = static_cast<double>(q.in_channels) / groups;
  const double outputs = static_cast<double>(q.out_channels) / groups;
  const double together = std::floor(lanes / std::max({inputs, outputs, 1.0}));
  const bool permutes = together >= 2;
  const double vectors =
      permutes ? std::ceil(groups / together) : groups * std::ceil(outputs / lanes);
  const double efficiency = is_swept(q.window) ? kSweptEfficiency[q.window.stride_h - 1]
                            : permutes         ? kPermutedEfficiency
                                               : kTapEfficiency;
  const double pixels =
      static_cast<double>(q.batch * q.out_height) * static_cast<double>(q.out_width);
  c.cycles = pixels * vectors * static_cast<double>(q.window.taps()) * inputs / (2 * efficiency) +
             outputs * inputs * groups * static_cast<double>(q.window.taps()) * sizeof(float) /
                 kWeightBytes;
  return c;
}

}  // namespace fi::plan
