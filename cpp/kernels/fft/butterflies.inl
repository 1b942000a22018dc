// Complex Fourier transforms of length 4 to 64, each lane of a vector a transform of its own.
// Include after FI_VEC_H.
//
//   Z(k) = sum_j z(j) exp(-2 pi i j k / n)
//
// Lengths 4 and 8 are done in registers; n = first * second by Cooley & Tukey's two stages, whose
// order is natural on both sides since the first leaves its results in memory.
#pragma once

#include "base/inline.h"
#include "kernels/name.h"

namespace fi::fft {
namespace {

struct Complex {
  f32v re, im;
};

FI_INLINE Complex add(Complex a, Complex b) { return {add(a.re, b.re), add(a.im, b.im)}; }
FI_INLINE Complex sub(Complex a, Complex b) { return {sub(a.re, b.re), sub(a.im, b.im)}; }
FI_INLINE Complex swapped(Complex a) { return {a.im, a.re}; }
FI_INLINE Complex multiply(Complex a, Complex b) {
  return {fnma(a.im, b.im, mul(a.re, b.re)), fma(a.im, b.re, mul(a.re, b.im))};
}
/// a + i b and a - i b.
FI_INLINE Complex add_turned(Complex a, Complex b) { return {sub(a.re, b.im), add(a.im, b.re)}; }
FI_INLINE Complex sub_turned(Complex a, Complex b) { return {add(a.re, b.im), sub(a.im, b.re)}; }

/// cos(2 pi k / 64).
constexpr double cosine(int k) {
  constexpr double kQuarter[17] = {1.0,
                                   0.9951847266721969,
                                   0.9807852804032304,
                                   0.9569403357322088,
                                   0.9238795325112867,
                                   0.881921264348355,
                                   0.8314696123025452,
                                   0.773010453362737,
                                   0.7071067811865476,
                                   0.6343932841636455,
                                   0.5555702330196023,
                                   0.4713967368259978,
                                   0.38268343236508984,
                                   0.29028467725446233,
                                   0.19509032201612833,
                                   0.09801714032956077,
                                   0.0};
  k = (k % 64 + 64) % 64;
  if (k > 32) k = 64 - k;
  return k > 16 ? -kQuarter[32 - k] : kQuarter[k];
}
constexpr double sine(int k) { return cosine(k - 16); }

/// exp(-2 pi i j k / (first * second)) at [j][k].
template <int first, int second>
struct Twiddles {
  float re[second][first], im[second][first];
  constexpr Twiddles() : re{}, im{} {
    for (int j = 0; j < second; ++j) {
      for (int k = 0; k < first; ++k) {
        re[j][k] = static_cast<float>(cosine(j * k * (64 / (first * second))));
        im[j][k] = static_cast<float>(-sine(j * k * (64 / (first * second))));
      }
    }
  }
};
template <int first, int second>
constexpr Twiddles<first, second> kTwiddles;

FI_INLINE void transform_4(Complex& z0, Complex& z1, Complex& z2, Complex& z3) {
  const Complex a = add(z0, z2), b = sub(z0, z2), c = add(z1, z3), d = sub(z1, z3);
  z0 = add(a, c);
  z1 = sub_turned(b, d);
  z2 = sub(a, c);
  z3 = add_turned(b, d);
}

/// z <- its transform, in registers.
FI_INLINE void transform_registers(Complex (&z)[4]) { transform_4(z[0], z[1], z[2], z[3]); }
FI_INLINE void transform_registers(Complex (&z)[8]) {
  transform_4(z[0], z[2], z[4], z[6]);
  transform_4(z[1], z[3], z[5], z[7]);
  const f32v half = splat(0.70710678118654752f);
  const Complex a = z[3], b = z[7];  // turned by 1/8 and 3/8
  const Complex a1{mul(half, add(a.re, a.im)), mul(half, sub(a.im, a.re))};
  const Complex b1{mul(half, sub(b.im, b.re)), mul(half, add(b.re, b.im))};
  const Complex even0 = z[0], even1 = z[2], even2 = z[4], even3 = z[6], odd0 = z[1], odd2 = z[5];
  z[0] = add(even0, odd0);
  z[1] = add(even1, a1);
  z[2] = sub_turned(even2, odd2);
  z[3] = {add(even3.re, b1.re), sub(even3.im, b1.im)};
  z[4] = sub(even0, odd0);
  z[5] = sub(even1, a1);
  z[6] = add_turned(even2, odd2);
  z[7] = {sub(even3.re, b1.re), add(even3.im, b1.im)};
}

/// store(k, Z(k)) for all k, where z(j) = load(j).
template <int n, class Load, class Store>
FI_INLINE void transform(const Load& load, const Store& store) {
  if constexpr (n <= 8) {
    Complex z[n];
#pragma GCC unroll 8
    for (int j = 0; j < n; ++j) z[j] = load(j);
    transform_registers(z);
#pragma GCC unroll 8
    for (int k = 0; k < n; ++k) store(k, z[k]);
  } else {
    constexpr int first = n == 16 ? 4 : 8, second = n / first;
    Complex stage[first][second];
#pragma GCC unroll 1
    for (int j = 0; j < second; ++j) {
      Complex z[first];
#pragma GCC unroll 8
      for (int i = 0; i < first; ++i) z[i] = load(j + second * i);
      transform_registers(z);
      stage[0][j] = z[0];
#pragma GCC unroll 8
      for (int k = 1; k < first; ++k) {
        const Complex turn{splat(kTwiddles<first, second>.re[j][k]),
                           splat(kTwiddles<first, second>.im[j][k])};
        stage[k][j] = multiply(z[k], turn);
      }
    }
#pragma GCC unroll 1
    for (int k = 0; k < first; ++k) {
      Complex z[second];
#pragma GCC unroll 8
      for (int j = 0; j < second; ++j) z[j] = stage[k][j];
      transform_registers(z);
#pragma GCC unroll 8
      for (int q = 0; q < second; ++q) store(k + first * q, z[q]);
    }
  }
}

/// The same of sum_j z(j) exp(+2 pi i j k / n): real and imaginary parts change places.
template <int n, class Load, class Store>
FI_INLINE void transform_back(const Load& load, const Store& store) {
  transform<n>([&](int j) FI_INLINE_LAMBDA { return swapped(load(j)); },
               [&](int k, Complex z) FI_INLINE_LAMBDA { store(k, swapped(z)); });
}

}  // namespace
}  // namespace fi::fft
