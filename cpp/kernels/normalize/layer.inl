// Layer normalisation of contiguous rows. Include after FI_VEC_H.
#pragma once

#include "kernels/normalize/normalize.h"
#include "simd/lanes.inl"

namespace fi::normalize {
namespace {

/// sum of f(x[i]) over n elements: f32 lanes within a block, float64 between blocks.
template <class F>
FI_INLINE double sum_of(const float* x, int64_t n, F&& f) {
  constexpr int64_t kBlock = 64 * kLanes;
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = begin + kBlock < n ? begin + kBlock : n;
    f32v sum = zero();
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) sum = add(sum, f(load(x + i)));
    if (const int tail = static_cast<int>(end - i); tail > 0) {
      sum = add(sum, keep_first(f(load_n(x + i, tail)), tail));
    }
    total += static_cast<double>(reduce_add(sum));
  }
  return total;
}

/// Two passes; what the rounding of the first mean left is taken out of the second.
void layer_norm(const LayerSpan& s) {
  const double n = static_cast<double>(s.n);
  const double rough = sum_of(s.x, s.n, [](f32v v) FI_INLINE_LAMBDA { return v; }) / n;
  const f32v shift = splat(static_cast<float>(rough));
  const double rest = sum_of(s.x, s.n, [=](f32v v) FI_INLINE_LAMBDA { return sub(v, shift); }) / n;
  const double squares = sum_of(s.x, s.n, [=](f32v v) FI_INLINE_LAMBDA {
    const f32v d = sub(v, shift);
    return mul(d, d);
  });
  const double mean = static_cast<double>(static_cast<float>(rough)) + rest;
  const double spread = squares / n - rest * rest;
  const double inv_std =
      1 / __builtin_sqrt((spread > 0 ? spread : 0) + static_cast<double>(s.epsilon));
  if (s.mean) *s.mean = static_cast<float>(mean);
  if (s.inv_std) *s.inv_std = static_cast<float>(inv_std);

  const f32v centre = splat(static_cast<float>(mean)), factor = splat(static_cast<float>(inv_std));
  const auto y = [=](f32v x, f32v scale, f32v bias)
                     FI_INLINE_LAMBDA { return fma(mul(sub(x, centre), factor), scale, bias); };
  int64_t i = 0;
  for (; i + kLanes <= s.n; i += kLanes) {
    store(s.y + i, y(load(s.x + i), load(s.scale + i), s.bias ? load(s.bias + i) : zero()));
  }
  if (const int tail = static_cast<int>(s.n - i); tail > 0) {
    const f32v bias = s.bias ? load_n(s.bias + i, tail) : zero();
    store_n(s.y + i, y(load_n(s.x + i, tail), load_n(s.scale + i, tail), bias), tail);
  }
}

}  // namespace
}  // namespace fi::normalize
