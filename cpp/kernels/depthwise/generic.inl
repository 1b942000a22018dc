// Any window, stride, dilation and multiplier: one output pixel at a time. Include after FI_VEC_H.
#pragma once

#include "kernels/depthwise/depthwise.h"
#include "kernels/span.h"
#include "simd/epilogue.inl"

namespace fi::depthwise {
namespace {

/// One output pixel: its window's first tap, and the taps that are inside.
struct Pixel {
  const float* x;       // where tap (0, 0) would be; only valid taps are read
  int64_t down, right;  // from tap to tap, in elements
  Span rows, columns;
  const float* weights;  // of tap (0, 0)
  int64_t kernel_w, padded;
  const float* bias;
  const float* residual;
  float* y;

  FI_INLINE f32v bias_at(int64_t o, int lanes) const {
    return bias ? load_lanes(bias + o, lanes) : zero();
  }
  FI_INLINE const float* residual_at(int64_t o) const { return residual ? residual + o : nullptr; }
};

FI_INLINE void run_vectors(const Pixel& pixel, int64_t channels, const Finish& finish) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int lanes = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
    f32v sum = pixel.bias_at(c, lanes);
    for (int64_t i = pixel.rows.begin; i < pixel.rows.end; ++i) {
      for (int64_t j = pixel.columns.begin; j < pixel.columns.end; ++j) {
        const float* x = pixel.x + i * pixel.down + j * pixel.right + c;
        const float* w = pixel.weights + (i * pixel.kernel_w + j) * pixel.padded + c;
        sum = fma(load_lanes(x, lanes), load(w), sum);
      }
    }
    store_lanes(pixel.y + c, finish(sum, pixel.residual_at(c), lanes), lanes);
  }
}

/// Vectors over the multiplier: one input channel makes neighbouring output channels.
FI_INLINE void run_multiplier(const Pixel& pixel, int64_t channels, int64_t multiplier,
                              const Finish& finish) {
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t q = 0; q < multiplier; q += kLanes) {
      const int lanes = multiplier - q < kLanes ? static_cast<int>(multiplier - q) : kLanes;
      const int64_t o = c * multiplier + q;
      f32v sum = pixel.bias_at(o, lanes);
      for (int64_t i = pixel.rows.begin; i < pixel.rows.end; ++i) {
        for (int64_t j = pixel.columns.begin; j < pixel.columns.end; ++j) {
          const float* w = pixel.weights + (i * pixel.kernel_w + j) * pixel.padded + o;
          sum =
              fma(splat(pixel.x[i * pixel.down + j * pixel.right + c]), load_lanes(w, lanes), sum);
        }
      }
      store_lanes(pixel.y + o, finish(sum, pixel.residual_at(o), lanes), lanes);
    }
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
  pixel.kernel_w = window.kernel_w;
  pixel.padded = padded_channels(convolution.output.channels);
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
    if (is_curve(convolution.activation.kind))
      activate_pixels(convolution.activation, convolution.output.channels, 1, pixel.y, 0);
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
