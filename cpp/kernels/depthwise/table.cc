// The table of the depthwise room, what a row accepts, and the packing that all rows share.
#include <algorithm>
#include <numeric>

#include "kernels/depthwise/depthwise.h"
#include "kernels/rows.h"
#include "rooms/depthwise.inc"

namespace fi::depthwise {

FI_DEPTHWISE_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 10;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_DEPTHWISE_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

bool takes(int wanted, int32_t is) { return wanted == 0 || wanted == is; }

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

bool accepts(const Kernel& kernel, const Window& window, int32_t multiplier) {
  return takes(kernel.kernel_h, window.kernel_h) && takes(kernel.kernel_w, window.kernel_w) &&
         takes(kernel.stride, window.stride_h) && takes(kernel.stride, window.stride_w) &&
         takes(kernel.dilation, window.dilation_h) && takes(kernel.dilation, window.dilation_w) &&
         takes(kernel.reduced_stride,
               window.stride_w / std::gcd(window.stride_w, window.dilation_w)) &&
         takes(kernel.multiplier, multiplier);
}

const Kernel* best_row(FeatureMask usable, const Window& window, int32_t multiplier) {
  return all_rows().first(usable,
                          [&](const Kernel& row) { return accepts(row, window, multiplier); });
}

size_t packed_bytes(int64_t taps, int64_t channels) {
  return static_cast<size_t>(taps * padded_channels(channels)) * sizeof(float);
}

void pack(const float* weights, int64_t taps, int64_t channels, float* packed) {
  for (int64_t first = 0; first < channels; first += kChannelPad) {
    const int64_t count = std::min(kChannelPad, channels - first);
    for (int64_t t = 0; t < taps; ++t, packed += kChannelPad) {
      for (int64_t c = 0; c < count; ++c) packed[c] = weights[(first + c) * taps + t];
      std::fill(packed + count, packed + kChannelPad, 0.0f);
    }
  }
}

}  // namespace fi::depthwise
