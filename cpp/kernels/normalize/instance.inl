// Moments of channels over pixels, and the affine map that applies them. Include after FI_VEC_H.
#pragma once

#include "kernels/normalize/normalize.h"
#include "simd/lanes.inl"

namespace fi::normalize {
namespace {

/// Calls f(c, n) for each vector of channels; n < kLanes in the last.
template <class F>
FI_INLINE void for_vectors(int64_t channels, F&& f) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) f(c, kLanes);
  if (c < channels) f(c, static_cast<int>(channels - c));
}

FI_INLINE f32v get(const float* p, int n) { return n == kLanes ? load(p) : load_n(p, n); }
FI_INLINE void put(float* p, f32v v, int n) { n == kLanes ? store(p, v) : store_n(p, v, n); }

/// The sum of f(x) over all pixels of one vector of channels: short runs first, then rows, so
/// errors stay small.
template <class F>
FI_INLINE f32v pixel_sum(const MomentsSpan& s, const float* x, int n, F&& f) {
  constexpr int64_t kRun = 32;
  f32v total = zero();
  for (int64_t r = 0; r < s.rows; ++r) {
    const float* row = x + r * s.row_stride;
    f32v row_sum = zero();
    for (int64_t begin = 0; begin < s.pixels; begin += kRun) {
      const int64_t end = begin + kRun < s.pixels ? begin + kRun : s.pixels;
      f32v sum = zero();
      for (int64_t p = begin; p < end; ++p) sum = add(sum, f(get(row + p * s.pixel_stride, n)));
      row_sum = add(row_sum, sum);
    }
    total = add(total, row_sum);
  }
  return total;
}

/// Two passes; what the rounding of the first mean left is taken out of the second.
void moments(const MomentsSpan& s) {
  const f32v count = splat(static_cast<float>(s.rows * s.pixels));
  for_vectors(s.channels, [&](int64_t c, int n) FI_INLINE_LAMBDA {
    const float* x = s.x + c;
    const f32v rough = div(pixel_sum(s, x, n, [](f32v v) FI_INLINE_LAMBDA { return v; }), count);
    const f32v rest = pixel_sum(s, x, n, [=](f32v v) FI_INLINE_LAMBDA { return sub(v, rough); });
    const f32v squares = pixel_sum(s, x, n, [=](f32v v) FI_INLINE_LAMBDA {
      const f32v d = sub(v, rough);
      return mul(d, d);
    });
    const f32v rest_mean = div(rest, count);
    put(s.mean + c, add(rough, rest_mean), n);
    put(s.m2 + c, max(zero(), sub(squares, mul(rest, rest_mean))), n);
  });
}

void affine(const AffineSpan& s) {
  for (int64_t p = 0; p < s.pixels; ++p) {
    const float* x = s.x + p * s.x_stride;
    float* y = s.y + p * s.y_stride;
    for_vectors(s.channels, [&](int64_t c, int n) FI_INLINE_LAMBDA {
      const f32v centred = sub(get(x + c, n), get(s.mean + c, n));
      put(y + c, fma(centred, get(s.scale + c, n), get(s.bias + c, n)), n);
    });
  }
}

}  // namespace
}  // namespace fi::normalize
