// The depthwise contract: each input channel makes `multiplier` output channels of its own.
//
//   y(n, oy, ox, o) = activation( sum_{i,j} x(n, y, x, o / multiplier) * w(o, i, j)  +  bias(o)  +
//   residual(n, oy, ox, o) ) y = oy * stride_h - pad_top + i * dilation_h,   x = ox * stride_w -
//   pad_left + j * dilation_w
//
// and, where asked for, the mean of each row of the output, taken while what it is of is in L1:
//
//   means(n, oy, o) = sum_{ox} y(n, oy, ox, o) / width
//
// where taps outside the input count nothing. Taps are summed in the order of (i, j), whatever the
// tile or the range of rows, and a row's mean is summed in an order that its width decides, so
// results do not depend on how rows are divided.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "base/view.h"
#include "base/window.h"
#include "kernels/kernel.h"

namespace fi::depthwise {

struct Convolution {
  Image<const float> input;
  Image<float> output;          // channels = input.channels * multiplier
  Image<const float> residual;  // data null: none; otherwise of the output's shape
  Image<float> means;  // data null: none; otherwise of the output's shape, but one pixel wide
  Window window;
  int32_t multiplier = 1;
  const float* weights = nullptr;  // packed
  const float* bias = nullptr;     // [output.channels] or null
  Activation activation;
};

/// Packed weights are [channels / kChannelPad][taps][kChannelPad], padded with zeros: whole vectors
/// of the widest tier, and the taps of a vector side by side.
inline constexpr int64_t kChannelPad = 16;
FI_INLINE int64_t padded_channels(int64_t channels) {
  return (channels + kChannelPad - 1) / kChannelPad * kChannelPad;
}
/// Where the first tap of channel c stands; the next is kChannelPad further.
FI_INLINE int64_t packed_channel(int64_t c, int64_t taps) {
  return c / kChannelPad * kChannelPad * taps + c % kChannelPad;
}
size_t packed_bytes(int64_t taps, int64_t channels);
/// weights: dense (channels, taps), that is OIHW with I = 1; channels are the output's. The same
/// for every row.
void pack(const float* weights, int64_t taps, int64_t channels, float* packed);

/// A row of the table, and what it takes: zero means any.
struct Kernel {
  KernelInfo info;
  int kernel_h, kernel_w;  // the window it is made for
  int stride;              // both strides
  int dilation;            // both dilations
  int reduced_stride;      // horizontal stride / gcd(stride, dilation)
  int multiplier;
  /// Computes the rows of the output that `rows` names, on the calling thread.
  void (*run)(const Convolution& convolution, const RowRange& rows);
};

bool accepts(const Kernel& kernel, const Window& window, int32_t multiplier);

/// The table: every row compiled for this architecture, best tier first, special rows before
/// generic ones.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();

/// The row that plan should take: the first usable one that accepts the window; the generic row
/// accepts any.
const Kernel* best_row(FeatureMask usable, const Window& window, int32_t multiplier);

/// The reference in float64: dense NHWC x, y and residual (or null), w (channels, taps), bias or
/// null.
struct Shape {
  int64_t batch, height, width, channels, out_height, out_width;
};
void reference(const Shape& shape, const Window& window, int32_t multiplier, const double* x,
               const double* w, const double* bias, const double* residual, Activation activation,
               double* y);

}  // namespace fi::depthwise
