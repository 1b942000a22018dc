// Planar: tap rows folded down into lines of scratch, and lines folded across by their tap columns,
// a vector of pixels at a time. Include after FI_VEC_H.
#pragma once

#include "kernels/name.h"
#include "kernels/pool/fold.inl"
#include "kernels/pool/planes.h"
#include "simd/stage.inl"

namespace fi::pool {
namespace {

/// read(j) of each tap j folded; kTaps 0: `taps` of them.
template <class Acc, int kTaps, class Read>
FI_INLINE f32v fold_taps(int32_t taps, Read&& read) {
  const int32_t n = kTaps == 0 ? taps : kTaps;
  f32v acc = read(0);
#pragma GCC unroll 3
  for (int32_t j = 1; j < n; ++j) acc = Acc::fold(acc, read(j));
  return acc;
}

template <class Acc, int kTaps>
void down_by(const Down& d) {
  for (int64_t r = 0; r < d.lines; ++r) {
    const float* src = d.src + r * d.src_step;
    float* dst = d.dst + r * d.dst_step;
    int64_t x = 0;
    for (; x + kLanes <= d.columns; x += kLanes) {
      const float* p = src + x;
      store(dst + x, fold_taps<Acc, kTaps>(
                         d.taps, [=](int32_t i) FI_INLINE_LAMBDA { return load(p + i * d.tap); }));
    }
    if (const int n = static_cast<int>(d.columns - x); n > 0) {
      const float* p = src + x;
      store_n(dst + x,
              fold_taps<Acc, kTaps>(
                  d.taps, [=](int32_t i) FI_INLINE_LAMBDA { return load_n(p + i * d.tap, n); }),
              n);
    }
  }
}

template <class Acc>
void down(const Down& d) {
  if (d.taps == 2) return down_by<Acc, 2>(d);
  if (d.taps == 3) return down_by<Acc, 3>(d);
  down_by<Acc, 0>(d);
}

/// read(p, j): tap j of the pixels whose first taps are at p, p + step, ...
template <class Acc, int kTaps, class Read>
FI_INLINE void across_by(const Across& a, Read&& read) {
  for (int64_t r = 0; r < a.lines; ++r) {
    const float* src = a.src + r * a.src_step;
    float* dst = a.dst + r * a.dst_step;
    for (int64_t t = 0; t < a.pixels; t += kLanes) {
      const float* p = src + t * a.step;
      const f32v acc =
          fold_taps<Acc, kTaps>(a.taps, [&](int32_t j) FI_INLINE_LAMBDA { return read(p, j); });
      const f32v y = Acc::finish(acc, mul(load(a.divisors + t), splat(a.rows)));
      if (const int64_t left = a.pixels - t; left < kLanes) {
        store_n(dst + t, y, static_cast<int>(left));
      } else {
        store(dst + t, y);
      }
    }
  }
}

/// Neighbouring pixels; with a stride of 2 neighbouring taps too, of which two share their loads.
template <class Acc, int kTaps>
void across_near(const Across& a) {
  if (a.step == 1) {
    across_by<Acc, kTaps>(
        a, [tap = a.tap](const float* p, int32_t j) FI_INLINE_LAMBDA { return load(p + j * tap); });
  } else {
    across_by<Acc, kTaps>(a, [](const float* p, int32_t j) FI_INLINE_LAMBDA {
      const float* pair = p + j / 2 * 2;
      const f32v low = load(pair), high = load(pair + kLanes);
      return j % 2 == 0 ? even_lanes(low, high) : odd_lanes(low, high);
    });
  }
}

template <class Acc>
void across(const Across& a) {
  if (a.step == 1 || (a.step == 2 && a.tap == 1)) {
    if (a.taps == 2) return across_near<Acc, 2>(a);
    if (a.taps == 3) return across_near<Acc, 3>(a);
    return across_near<Acc, 0>(a);
  }
  int32_t at[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) at[lane] = lane * static_cast<int32_t>(a.step);
  const s32v steps = load_s32(at);
  across_by<Acc, 0>(a, [steps, tap = a.tap](const float* p, int32_t j)
                           FI_INLINE_LAMBDA { return gather(p + j * tap, steps); });
}

}  // namespace
}  // namespace fi::pool
