// Local response normalisation across the channels of a pixel. Include after FI_VEC_H.
#pragma once

#include "kernels/normalize/normalize.h"
#include "simd/math.inl"

namespace fi::normalize {
namespace {

/// base^-beta for base > 0; exact roots for the usual 3/4 and 1/2.
FI_INLINE f32v power(f32v base, float beta) {
  const f32v root = sqrt(base);
  if (beta == 0.75f) return div(splat(1), mul(root, sqrt(root)));
  if (beta == 0.5f) return div(splat(1), root);
  if (beta == 1.0f) return div(splat(1), base);
  return exp(mul(splat(-beta), log(base)));
}

FI_INLINE f32v normalised(const LrnSpan& s, f32v x, f32v sum) {
  return mul(x,
             power(fma(splat(s.alpha / static_cast<float>(s.size)), sum, splat(s.bias)), s.beta));
}

/// The squares of all channels between zeros, so that every window is whole: channel c's starts at
/// squares[c].
void lrn(const LrnSpan& s) {
  const int32_t before = (s.size - 1) / 2;
  float* const inside = s.squares + before;
  for (int32_t i = 0; i < before; ++i) s.squares[i] = 0;
  for (int32_t i = before; i < s.size - 1; ++i) s.squares[s.channels + i] = 0;
  for (int64_t p = 0; p < s.pixels; ++p) {
    const float* x = s.x + p * s.x_stride;
    float* y = s.y + p * s.y_stride;
    for (int64_t c = 0; c < s.channels; ++c) inside[c] = x[c] * x[c];
    int64_t c = 0;
    for (; c + kLanes <= s.channels; c += kLanes) {
      f32v sum = load(s.squares + c);
      for (int32_t i = 1; i < s.size; ++i) sum = add(sum, load(s.squares + c + i));
      store(y + c, normalised(s, load(x + c), sum));
    }
    if (const int tail = static_cast<int>(s.channels - c); tail > 0) {
      f32v sum = load_n(s.squares + c, tail);
      for (int32_t i = 1; i < s.size; ++i) sum = add(sum, load_n(s.squares + c + i, tail));
      store_n(y + c, normalised(s, load_n(x + c, tail), sum), tail);
    }
  }
}

}  // namespace
}  // namespace fi::normalize
