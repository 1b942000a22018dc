// Any window, stride, dilation and multiplier: one output pixel at a time. Include after FI_VEC_H.
#pragma once

#include "kernels/depthwise/means.inl"
#include "kernels/span.h"

namespace fi::depthwise {
namespace {

/// One output pixel: its window's first tap, and the taps that are inside.
struct Pixel {
  const float* x;       // where tap (0, 0) would be; only valid taps are read
  int64_t down, right;  // from tap to tap, in elements
  Span rows, columns;
  const float* weights;
  int64_t taps, kernel_w;
  const float* bias;
  const float* residual;
  float* y;

  FI_INLINE f32v bias_at(int64_t o, int lanes) const {
    return bias ? load_lanes(bias + o, lanes) : zero();
  }
  FI_INLINE const float* weights_at(int64_t o) const { return weights + packed_channel(o, taps); }
  FI_INLINE const float* residual_at(int64_t o) const { return residual ? residual + o : nullptr; }
};

FI_INLINE void run_vectors(const Pixel& pixel, int64_t channels, const Finish& finish) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int lanes = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
    const float* weights = pixel.weights_at(c);
    f32v sum = pixel.bias_at(c, lanes);
    for (int64_t i = pixel.rows.begin; i < pixel.rows.end; ++i) {
      for (int64_t j = pixel.columns.begin; j < pixel.columns.end; ++j) {
        const float* x = pixel.x + i * pixel.down + j * pixel.right + c;
        sum =
            fma(load_lanes(x, lanes), load(weights + (i * pixel.kernel_w + j) * kChannelPad), sum);
      }
    }
    store_lanes(pixel.y + c, finish(sum, pixel.residual_at(c), lanes), lanes);
  }
}

/// Vectors over the multiplier, within a block of the packed weights: one input channel makes
/// neighbouring output channels.
FI_INLINE void run_multiplier(const Pixel& pixel, int64_t channels, int64_t multiplier,
                              const Finish& finish) {
  int lanes = 0;
  for (int64_t o = 0; o < channels * multiplier; o += lanes) {
    const int64_t c = o / multiplier, rest = (c + 1) * multiplier - o;
    const int64_t block = kLanes - o % kLanes;
    lanes = static_cast<int>(rest < block ? rest : block);
    const float* weights = pixel.weights_at(o);
    f32v sum = pixel.bias_at(o, lanes);
    for (int64_t i = pixel.rows.begin; i < pixel.rows.end; ++i) {
      for (int64_t j = pixel.columns.begin; j < pixel.columns.end; ++j) {
        const float* w = weights + (i * pixel.kernel_w + j) * kChannelPad;
        sum = fma(splat(pixel.x[i * pixel.down + j * pixel.right + c]), load_lanes(w, lanes), sum);
      }
    }
    store_lanes(pixel.y + o, finish(sum, pixel.residual_at(o), lanes), lanes);
  }
}

FI_INLINE void run_row(const Convolution& convolution, int64_t n, int64_t oy,
                       const Finish& finish) {
  const Window& window = convolution.window;
  const Image<const float>& input = convolution.input;
  const int64_t top = oy * window.stride_h - window.pad_top;
  Pixel pixel{};
  pixel.down = window.dilation_h * input.row_stride;
  pixel.right = window.dilation_w * input.pixel_stride;
  pixel.rows = inside(top, window.dilation_h, window.kernel_h, input.height);
  pixel.weights = convolution.weights;
  pixel.taps = window.taps();
  pixel.kernel_w = window.kernel_w;
  pixel.bias = convolution.bias;
  for (int64_t ox = 0; ox < convolution.output.width; ++ox) {
    const int64_t left = ox * window.stride_w - window.pad_left;
    pixel.columns = inside(left, window.dilation_w, window.kernel_w, input.width);
    pixel.x =
        input.data + n * input.batch_stride + top * input.row_stride + left * input.pixel_stride;
    pixel.y = convolution.output.pixel(n, oy, ox);
    pixel.residual = convolution.residual.data ? convolution.residual.pixel(n, oy, ox) : nullptr;
    if (convolution.multiplier == 1) {
      run_vectors(pixel, input.channels, finish);
    } else {
      run_multiplier(pixel, input.channels, convolution.multiplier, finish);
    }
  }
  const Image<float>& output = convolution.output;
  const RowMean mean = mean_of_row(convolution, n, oy, 1);
  if (mean.row || is_curve(convolution.activation.kind)) {
    finish_pixels(convolution.activation, 0, output.channels, output.width, output.pixel(n, oy, 0),
                  output.pixel_stride, mean, 0);
  }
}

void run_generic(const Convolution& convolution, const RowRange& rows) {
  const Finish finish(convolution.activation);
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t oy = rows.begin; oy < rows.end; ++oy) run_row(convolution, n, oy, finish);
  }
}

}  // namespace
}  // namespace fi::depthwise
