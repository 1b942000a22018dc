// The matrices B^T and A^T of matrices.h applied to vectors, with common terms shared. Include
// after FI_VEC_H.
#pragma once

#include "base/inline.h"

namespace fi::winograd {
namespace {

/// input: d <- B^T d.  output: y <- A^T v.
template <int m>
struct Transform;

template <>
struct Transform<2> {
  static FI_INLINE void input(f32v (&d)[4]) {
    const f32v d1 = d[1], d2 = d[2];
    d[0] = sub(d[0], d2);
    d[1] = add(d1, d2);
    d[2] = sub(d2, d1);
    d[3] = sub(d1, d[3]);
  }
  static FI_INLINE void output(const f32v (&v)[4], f32v (&y)[2]) {
    y[0] = add(v[0], add(v[1], v[2]));
    y[1] = sub(sub(v[1], v[2]), v[3]);
  }
};

template <>
struct Transform<4> {
  static FI_INLINE void input(f32v (&d)[6]) {
    const f32v minus4 = splat(-4), four = splat(4), minus5 = splat(-5), two = splat(2);
    const f32v even1 = fma(minus4, d[2], d[4]), odd1 = fma(minus4, d[1], d[3]);
    const f32v even2 = sub(d[4], d[2]), odd2 = mul(two, sub(d[3], d[1]));
    d[0] = fma(four, d[0], fma(minus5, d[2], d[4]));
    d[5] = fma(four, d[1], fma(minus5, d[3], d[5]));
    d[1] = add(even1, odd1);
    d[2] = sub(even1, odd1);
    d[3] = add(even2, odd2);
    d[4] = sub(even2, odd2);
  }
  static FI_INLINE void output(const f32v (&v)[6], f32v (&y)[4]) {
    const f32v even1 = add(v[1], v[2]), odd1 = sub(v[1], v[2]);
    const f32v even2 = add(v[3], v[4]), odd2 = sub(v[3], v[4]);
    y[0] = add(add(v[0], even1), even2);
    y[1] = fma(splat(2), odd2, odd1);
    y[2] = fma(splat(4), even2, even1);
    y[3] = add(fma(splat(8), odd2, odd1), v[5]);
  }
};

template <>
struct Transform<6> {
  static FI_INLINE void input(f32v (&d)[8]) {
    const f32v c21 = splat(5.25f), c17 = splat(-4.25f), c5 = splat(-5), c52 = splat(-2.5f);
    const f32v c54 = splat(-1.25f), c4 = splat(4), c2 = splat(2), c12 = splat(0.5f);
    const f32v c14 = splat(0.25f);
    const f32v even1 = fma(c17, d[4], add(d[2], d[6])), odd1 = fma(c17, d[3], add(d[1], d[5]));
    const f32v even2 = fma(c54, d[4], fma(c14, d[2], d[6]));
    const f32v odd2 = fma(c2, d[5], fma(c52, d[3], mul(c12, d[1])));
    const f32v even3 = fma(c5, d[4], fma(c4, d[2], d[6]));
    const f32v odd3 = fma(c12, d[5], fma(c52, d[3], mul(c2, d[1])));
    d[0] = fma(c21, sub(d[4], d[2]), sub(d[0], d[6]));
    d[7] = fma(c21, sub(d[3], d[5]), sub(d[7], d[1]));
    d[1] = add(even1, odd1);
    d[2] = sub(even1, odd1);
    d[3] = add(even2, odd2);
    d[4] = sub(even2, odd2);
    d[5] = add(even3, odd3);
    d[6] = sub(even3, odd3);
  }
  static FI_INLINE void output(const f32v (&v)[8], f32v (&y)[6]) {
    const f32v even1 = add(v[1], v[2]), odd1 = sub(v[1], v[2]);
    const f32v even2 = add(v[3], v[4]), odd2 = sub(v[3], v[4]);
    const f32v even3 = add(v[5], v[6]), odd3 = sub(v[5], v[6]);
    y[0] = add(add(v[0], even1), add(even2, even3));
    y[1] = fma(splat(0.5f), odd3, fma(splat(2), odd2, odd1));
    y[2] = fma(splat(0.25f), even3, fma(splat(4), even2, even1));
    y[3] = fma(splat(0.125f), odd3, fma(splat(8), odd2, odd1));
    y[4] = fma(splat(0.0625f), even3, fma(splat(16), even2, even1));
    y[5] = add(fma(splat(0.03125f), odd3, fma(splat(32), odd2, odd1)), v[7]);
  }
};

}  // namespace
}  // namespace fi::winograd
