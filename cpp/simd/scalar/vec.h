// Portable C++: 4 floats in a generic 128-bit vector, which GCC and Clang bring to SSE2 or NEON.
// Every tier's vec.h offers the same operations (see avx512/vec.h). fma is a multiplication and an
// addition: the baseline has no other.
#pragma once

#include <cstdint>

#include "base/half.h"
#include "base/inline.h"

namespace fi {
namespace {

typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t s32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));

struct f32v {
  f32x4 v;
};
struct s32v {
  s32x4 v;
};
struct maskv {
  s32x4 v;
};  // all bits of a lane, or none
constexpr int kLanes = 4;

FI_INLINE f32v zero() { return {f32x4{}}; }
FI_INLINE f32v splat(float x) { return {f32x4{x, x, x, x}}; }
FI_INLINE f32v load(const float* p) {
  f32v a;
  __builtin_memcpy(&a.v, p, sizeof(a.v));
  return a;
}
FI_INLINE f32v load_n(const float* p, int n) {
  f32v a = zero();
  for (int i = 0; i < n; ++i) a.v[i] = p[i];
  return a;
}
FI_INLINE void store(float* p, f32v a) { __builtin_memcpy(p, &a.v, sizeof(a.v)); }
FI_INLINE void store_n(float* p, f32v a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.v[i];
}

FI_INLINE s32v splat_s32(int32_t x) { return {s32x4{x, x, x, x}}; }
FI_INLINE s32v as_s32(f32v a) { return {(s32x4)a.v}; }
FI_INLINE f32v as_f32(s32v a) { return {(f32x4)a.v}; }
FI_INLINE s32v add(s32v a, s32v b) { return {(s32x4)((u32x4)a.v + (u32x4)b.v)}; }
FI_INLINE s32v sub(s32v a, s32v b) { return {(s32x4)((u32x4)a.v - (u32x4)b.v)}; }
FI_INLINE s32v bit_and(s32v a, s32v b) { return {a.v & b.v}; }
FI_INLINE s32v bit_or(s32v a, s32v b) { return {a.v | b.v}; }
template <int n>
FI_INLINE s32v shift_left(s32v a) {
  return {(s32x4)((u32x4)a.v << n)};
}
template <int n>
FI_INLINE s32v shift_right(s32v a) {
  return {(s32x4)((u32x4)a.v >> n)};
}  // logical

FI_INLINE maskv less(f32v a, f32v b) { return {a.v < b.v}; }
FI_INLINE maskv less_equal(f32v a, f32v b) { return {a.v <= b.v}; }
FI_INLINE maskv equal(f32v a, f32v b) { return {a.v == b.v}; }
FI_INLINE maskv is_nan(f32v a) { return {a.v != a.v}; }
FI_INLINE f32v select(maskv m, f32v a, f32v b) {
  return {(f32x4)(((s32x4)a.v & m.v) | ((s32x4)b.v & ~m.v))};
}

FI_INLINE f32v add(f32v a, f32v b) { return {a.v + b.v}; }
FI_INLINE f32v sub(f32v a, f32v b) { return {a.v - b.v}; }
FI_INLINE f32v mul(f32v a, f32v b) { return {a.v * b.v}; }
FI_INLINE f32v div(f32v a, f32v b) { return {a.v / b.v}; }
FI_INLINE f32v fma(f32v a, f32v b, f32v c) { return {a.v * b.v + c.v}; }
FI_INLINE f32v fnma(f32v a, f32v b, f32v c) { return {c.v - a.v * b.v}; }  // c - ab
FI_INLINE f32v sqrt(f32v a) {
  for (int i = 0; i < kLanes; ++i) a.v[i] = __builtin_sqrtf(a.v[i]);
  return a;
}
FI_INLINE f32v abs(f32v a) { return as_f32(bit_and(as_s32(a), splat_s32(0x7fffffff))); }
FI_INLINE f32v max(f32v a, f32v b) { return select({a.v > b.v}, a, b); }
FI_INLINE f32v min(f32v a, f32v b) { return select({a.v < b.v}, a, b); }

FI_INLINE f32v with_sign_of(f32v sign, f32v magnitude) {
  return as_f32(bit_or(bit_and(as_s32(sign), splat_s32(INT32_MIN)), as_s32(magnitude)));
}
/// From 2^23 on every float is whole; below, adding and taking away 2^23 leaves the nearest whole
/// number.
FI_INLINE f32v round_even(f32v a) {
  const f32v magnitude = abs(a), whole = splat(0x1p23f);
  const f32v rounded = sub(add(magnitude, whole), whole);
  return select(less(magnitude, whole), with_sign_of(a, rounded), a);
}
FI_INLINE f32v floor(f32v a) {
  const f32v r = round_even(a);
  return select(less(a, r), sub(r, splat(1)), r);
}
FI_INLINE f32v ceil(f32v a) {
  const f32v r = round_even(a);
  return select(less(r, a), with_sign_of(a, abs(add(r, splat(1)))), r);
}

FI_INLINE maskv lanes_between(int begin, int end) {
  maskv m;
  for (int i = 0; i < kLanes; ++i) m.v[i] = i >= begin && i < end ? -1 : 0;
  return m;
}
FI_INLINE f32v load_where(const float* p, maskv m) {
  f32v a = zero();
  for (int i = 0; i < kLanes; ++i) {
    if (m.v[i]) a.v[i] = p[i];
  }
  return a;
}

FI_INLINE float reduce_add(f32v a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
FI_INLINE float reduce_max(f32v a) {
  const float x = a.v[0] > a.v[2] ? a.v[0] : a.v[2], y = a.v[1] > a.v[3] ? a.v[1] : a.v[3];
  return x > y ? x : y;
}

struct permv {
  int32_t from[kLanes];
};
FI_INLINE permv permutation(const int32_t* from) { return {{from[0], from[1], from[2], from[3]}}; }
FI_INLINE f32v permute(f32v a, permv p) {
  return {f32x4{a.v[p.from[0]], a.v[p.from[1]], a.v[p.from[2]], a.v[p.from[3]]}};
}

FI_INLINE s32v to_s32(f32v a) {
  return {__builtin_convertvector(round_even(a).v, s32x4)};
}  // nearest even
FI_INLINE f32v to_f32(s32v a) { return {__builtin_convertvector(a.v, f32x4)}; }

FI_INLINE f32v load_f16(const uint16_t* p) {
  return {f32x4{f16_to_f32(p[0]), f16_to_f32(p[1]), f16_to_f32(p[2]), f16_to_f32(p[3])}};
}

FI_INLINE s32v load_u8(const uint8_t* p) { return {s32x4{p[0], p[1], p[2], p[3]}}; }
FI_INLINE s32v load_s8(const int8_t* p) { return {s32x4{p[0], p[1], p[2], p[3]}}; }
FI_INLINE s32v load_s32(const int32_t* p) { return {s32x4{p[0], p[1], p[2], p[3]}}; }

FI_INLINE maskv any_bits(s32v a, s32v b) { return {(a.v & b.v) != 0}; }
FI_INLINE f32v gather(const float* base, s32v index) {
  return {f32x4{base[index.v[0]], base[index.v[1]], base[index.v[2]], base[index.v[3]]}};
}
FI_INLINE f32v gather(const float* base, s32v index, maskv m) {
  return select(m, gather(base, index), zero());
}

/// Tables stay in memory.
struct table16 {
  const float* p;
};
FI_INLINE table16 load_table16(const float* p) { return {p}; }
FI_INLINE f32v lookup16(table16 t, s32v code) { return gather(t.p, bit_and(code, splat_s32(15))); }
struct table32 {
  const float* p;
};
FI_INLINE table32 load_table32(const float* p) { return {p}; }
FI_INLINE f32v lookup32(table32 t, s32v code) { return gather(t.p, bit_and(code, splat_s32(31))); }

template <class At>
FI_INLINE f32v load_quads(At&& at) {
  return load(at(0));
}
template <int n, class At>
FI_INLINE f32v load_repeated_quads(At&& at) {
  return load(at(0));
}
template <int n>
FI_INLINE f32v load_repeated(const float* p) {
  return load(p);
}
FI_INLINE f32v splat_first(f32v a) { return splat(a.v[0]); }
template <int i>
FI_INLINE f32v splat_in_quads(f32v a) {
  return splat(a.v[i]);
}
template <class At>
FI_INLINE f32v splat_quads(At&& at) {
  return splat(*at(0));
}
template <class At>
FI_INLINE void store_quads(At&& at, f32v a) {
  store(at(0), a);
}

FI_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }
FI_INLINE void prefetch_l2(const void* p) { __builtin_prefetch(p, 0, 2); }

}  // namespace
}  // namespace fi
