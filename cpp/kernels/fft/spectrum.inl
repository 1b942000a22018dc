// Rows and columns of a tile's transform, h = t / 2. Include after FI_VEC_H.
//
// A real row is transformed as h complex numbers x(2n) + i x(2n+1); its frequencies 0 and h are
// real and share slot 0 of the row's h slots. So the column of slots 0 holds two real columns as
// real and imaginary parts, whose spectra are told apart by symmetry. That leaves t^2 / 2 points,
// numbered slot * t + k:
//
//   slot j > 0           frequency (k, j)
//   slot 0, 0 < k < h    frequency (k, 0)
//   slot 0, h < k        frequency (t - k, h)
//   slot 0, k = 0 or h   two real frequencies, (k, 0) and (k, h)
//
// Forward, points are twice the transform, but for those of two real frequencies. Backward there
// is no factor beside the usual t^2.
#pragma once

#include "kernels/fft/butterflies.inl"

namespace fi::fft {
namespace {

/// Complex slots of t rows in memory; rows are not a power of two apart.
template <int t>
struct Work {
  float* data;

  FI_INLINE float* at(int row, int slot) const {
    return data + (static_cast<int64_t>(row) * (t + 2) + 2 * slot) * kLanes;
  }
  FI_INLINE Complex load_slot(int row, int slot) const {
    const float* p = at(row, slot);
    return {load(p), load(p + kLanes)};
  }
  FI_INLINE void store_slot(int row, int slot, Complex z) const {
    float* p = at(row, slot);
    store(p, z.re);
    store(p + kLanes, z.im);
  }
};

/// cos and sin of 2 pi k / t, k <= t / 4.
template <int t>
struct Turns {
  float cosine[t / 4 + 1], sine[t / 4 + 1];
  constexpr Turns() : cosine{}, sine{} {
    for (int k = 0; k <= t / 4; ++k) {
      cosine[k] = static_cast<float>(fft::cosine(k * (64 / t)));
      sine[k] = static_cast<float>(fft::sine(k * (64 / t)));
    }
  }
};
template <int t>
constexpr Turns<t> kTurns;

/// Slots of a row <- the transform of pixels x(j) = load(j), j < t.
template <int t, class Load>
FI_INLINE void forward_row(const Load& load_pixel, const Work<t>& work, int row) {
  constexpr int h = t / 2;
  Complex z[h];
  transform<h>([&](int n)
                   FI_INLINE_LAMBDA { return Complex{load_pixel(2 * n), load_pixel(2 * n + 1)}; },
               [&](int k, Complex value) FI_INLINE_LAMBDA { z[k] = value; });
  work.store_slot(row, 0, {add(z[0].re, z[0].im), sub(z[0].re, z[0].im)});
#pragma GCC unroll 1
  for (int k = 1; k <= h / 2; ++k) {
    // s = z(k) + conj z(h - k), d = z(k) - conj z(h - k), d turned by -i exp(-2 pi i k / t)
    const Complex a = z[k], b = z[h - k];
    const Complex s{add(a.re, b.re), sub(a.im, b.im)}, d{sub(a.re, b.re), add(a.im, b.im)};
    const f32v c = splat(kTurns<t>.cosine[k]), n = splat(kTurns<t>.sine[k]);
    const f32v re = fnma(n, d.re, mul(c, d.im)), im = fma(n, d.im, mul(c, d.re));
    work.store_slot(row, k, {add(s.re, re), sub(s.im, im)});
    work.store_slot(row, h - k, {sub(s.re, re), sub(sub(zero(), s.im), im)});
  }
}

/// Pixels of a row, store(j, x(j)), from its slots.
template <int t, class Store>
FI_INLINE void inverse_row(const Work<t>& work, int row, const Store& store_pixel) {
  constexpr int h = t / 2;
  Complex z[h];
  const Complex ends = work.load_slot(row, 0);
  z[0] = {add(ends.re, ends.im), sub(ends.re, ends.im)};
#pragma GCC unroll 1
  for (int k = 1; k <= h / 2; ++k) {
    const Complex a = work.load_slot(row, k), b = work.load_slot(row, h - k);
    const Complex s{add(a.re, b.re), sub(a.im, b.im)}, d{sub(a.re, b.re), add(a.im, b.im)};
    const f32v c = splat(kTurns<t>.cosine[k]), n = splat(kTurns<t>.sine[k]);
    const f32v re = fma(n, d.re, mul(c, d.im)), im = fnma(n, d.im, mul(c, d.re));
    z[k] = {sub(s.re, re), add(s.im, im)};
    z[h - k] = {add(s.re, re), sub(im, s.im)};
  }
  transform_back<h>([&](int k) FI_INLINE_LAMBDA { return z[k]; },
                    [&](int n, Complex value) FI_INLINE_LAMBDA {
                      store_pixel(2 * n, value.re);
                      store_pixel(2 * n + 1, value.im);
                    });
}

/// store(k, point) for the points of a slot.
template <int t, class Store>
FI_INLINE void forward_column(const Work<t>& work, int slot, const Store& store_point) {
  const auto load_row = [&](int y) FI_INLINE_LAMBDA { return work.load_slot(y, slot); };
  if (slot > 0) return transform<t>(load_row, store_point);
  Complex z[t];
  transform<t>(load_row, [&](int k, Complex value) FI_INLINE_LAMBDA { z[k] = value; });
  store_point(0, z[0]);
  store_point(t / 2, z[t / 2]);
#pragma GCC unroll 1
  for (int k = 1; k < t / 2; ++k) {  // z(k) + conj z(t - k), and -i (z(k) - conj z(t - k))
    const Complex a = z[k], b = z[t - k];
    store_point(k, {add(a.re, b.re), sub(a.im, b.im)});
    store_point(t - k, {add(a.im, b.im), sub(b.re, a.re)});
  }
}

/// The slot of all rows from its points, load(k).
template <int t, class Load>
FI_INLINE void inverse_column(const Load& load_point, const Work<t>& work, int slot) {
  const auto store_row = [&](int y, Complex z) FI_INLINE_LAMBDA { work.store_slot(y, slot, z); };
  if (slot > 0) return transform_back<t>(load_point, store_row);
  Complex z[t];
  z[0] = load_point(0);
  z[t / 2] = load_point(t / 2);
#pragma GCC unroll 1
  for (int k = 1; k < t / 2; ++k) {  // a + i b, and conj a + i conj b
    const Complex a = load_point(k), b = load_point(t - k);
    z[k] = add_turned(a, b);
    z[t - k] = {add(a.re, b.im), sub(b.re, a.im)};
  }
  transform_back<t>([&](int k) FI_INLINE_LAMBDA { return z[k]; }, store_row);
}

}  // namespace
}  // namespace fi::fft
