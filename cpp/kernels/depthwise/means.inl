// Means of output rows, for squeeze-and-excitation: tile by tile, from registers where these hold
// an output's last value. Read back from L1 behind the tile, whose stores are then under way still,
// they cost about twice as much. Include after FI_VEC_H.
#pragma once

#include "kernels/depthwise/depthwise.h"
#include "simd/epilogue.inl"

namespace fi::depthwise {
namespace {

/// The means that a tile adds to. Those of a row are summed as its tiles come, which is in the same
/// order however rows are divided.
struct RowMean {
  float* row;  // of the tile's first line; null: none
  int64_t row_step;
  float scale;  // of a pixel
  bool begins;  // the first tile of the row

  FI_INLINE void add_sum(f32v sum, int64_t line, int64_t c, int lanes) const {
    float* const mean = row + line * row_step + c;
    store_lanes(mean, fma(sum, splat(scale), begins ? zero() : load_lanes(mean, lanes)), lanes);
  }
  /// The sums of N pixels, of which the first `pixels` exist.
  template <int N>
  FI_INLINE void add_pixels(const f32v (&y)[N], int pixels, int64_t line, int64_t c,
                            int lanes) const {
    f32v even = y[0], odd = zero();
#pragma GCC unroll 16
    for (int t = 1; t < N; ++t) {
      if (t >= pixels) break;
      f32v& sum = t % 2 ? odd : even;
      sum = add(sum, y[t]);
    }
    add_sum(add(even, odd), line, c, lanes);
  }
};

/// For tiles whose first line is (n, oy), of every row_phases-th line.
FI_INLINE RowMean mean_of_row(const Convolution& convolution, int64_t n, int64_t oy,
                              int64_t row_phases) {
  const Image<float>& means = convolution.means;
  if (!means.data) return {};
  return {means.pixel(n, oy, 0), means.row_stride * row_phases,
          1.0f / static_cast<float>(convolution.output.width), true};
}

/// What is left to do with channels [begin, end) of pixels just written: activations that are
/// curves, and the mean of what those make.
FI_INLINE void finish_pixels(const Activation& activation, int64_t begin, int64_t end,
                             int64_t pixels, float* y, int64_t pixel_stride, const RowMean& mean,
                             int64_t line) {
  const bool curve = is_curve(activation.kind);
  for (int64_t c = begin; c < end; c += kLanes) {
    const int lanes = end - c < kLanes ? static_cast<int>(end - c) : kLanes;
    f32v sum = zero();
    for (int64_t p = 0; p < pixels; ++p) {
      float* const at = y + p * pixel_stride + c;
      f32v value = load_lanes(at, lanes);
      if (curve) {
        value = activate(value, activation);
        store_lanes(at, value, lanes);
      }
      sum = add(sum, value);
    }
    if (mean.row) mean.add_sum(sum, line, c, lanes);
  }
}

}  // namespace
}  // namespace fi::depthwise
