// AVX2 with FMA and F16C: 8 floats. Every tier's vec.h offers the same operations (see
// avx512/vec.h).
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/inline.h"

namespace fi {
namespace {

struct f32v {
  __m256 v;
};
struct s32v {
  __m256i v;
};
struct maskv {
  __m256 v;
};  // all bits of a lane, or none
constexpr int kLanes = 8;

FI_INLINE __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

FI_INLINE f32v zero() { return {_mm256_setzero_ps()}; }
FI_INLINE f32v splat(float x) { return {_mm256_set1_ps(x)}; }
FI_INLINE f32v load(const float* p) { return {_mm256_loadu_ps(p)}; }
FI_INLINE f32v load_n(const float* p, int n) { return {_mm256_maskload_ps(p, first_lanes(n))}; }
FI_INLINE void store(float* p, f32v a) { _mm256_storeu_ps(p, a.v); }
FI_INLINE void store_n(float* p, f32v a, int n) { _mm256_maskstore_ps(p, first_lanes(n), a.v); }

FI_INLINE f32v add(f32v a, f32v b) { return {_mm256_add_ps(a.v, b.v)}; }
FI_INLINE f32v sub(f32v a, f32v b) { return {_mm256_sub_ps(a.v, b.v)}; }
FI_INLINE f32v mul(f32v a, f32v b) { return {_mm256_mul_ps(a.v, b.v)}; }
FI_INLINE f32v div(f32v a, f32v b) { return {_mm256_div_ps(a.v, b.v)}; }
FI_INLINE f32v fma(f32v a, f32v b, f32v c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
FI_INLINE f32v fnma(f32v a, f32v b, f32v c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }  // c - ab
FI_INLINE f32v sqrt(f32v a) { return {_mm256_sqrt_ps(a.v)}; }
FI_INLINE f32v abs(f32v a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
FI_INLINE f32v max(f32v a, f32v b) { return {_mm256_max_ps(a.v, b.v)}; }
FI_INLINE f32v min(f32v a, f32v b) { return {_mm256_min_ps(a.v, b.v)}; }
FI_INLINE f32v round_even(f32v a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
FI_INLINE f32v floor(f32v a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
}
FI_INLINE f32v ceil(f32v a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)};
}

FI_INLINE maskv less(f32v a, f32v b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
FI_INLINE maskv less_equal(f32v a, f32v b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
FI_INLINE maskv equal(f32v a, f32v b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
FI_INLINE maskv is_nan(f32v a) { return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)}; }
FI_INLINE f32v select(maskv m, f32v a, f32v b) { return {_mm256_blendv_ps(b.v, a.v, m.v)}; }

FI_INLINE maskv lanes_between(int begin, int end) {
  return {_mm256_castsi256_ps(_mm256_andnot_si256(first_lanes(begin), first_lanes(end)))};
}
FI_INLINE f32v load_where(const float* p, maskv m) {
  return {_mm256_maskload_ps(p, _mm256_castps_si256(m.v))};
}

FI_INLINE float reduce_add(f32v a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
FI_INLINE float reduce_max(f32v a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

struct permv {
  __m256i v;
};
FI_INLINE permv permutation(const int32_t* from) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))};
}
FI_INLINE f32v permute(f32v a, permv p) { return {_mm256_permutevar8x32_ps(a.v, p.v)}; }

FI_INLINE s32v splat_s32(int32_t x) { return {_mm256_set1_epi32(x)}; }
FI_INLINE s32v to_s32(f32v a) { return {_mm256_cvtps_epi32(a.v)}; }  // nearest even
FI_INLINE f32v to_f32(s32v a) { return {_mm256_cvtepi32_ps(a.v)}; }
FI_INLINE s32v as_s32(f32v a) { return {_mm256_castps_si256(a.v)}; }
FI_INLINE f32v as_f32(s32v a) { return {_mm256_castsi256_ps(a.v)}; }
FI_INLINE s32v add(s32v a, s32v b) { return {_mm256_add_epi32(a.v, b.v)}; }
FI_INLINE s32v sub(s32v a, s32v b) { return {_mm256_sub_epi32(a.v, b.v)}; }
FI_INLINE s32v bit_and(s32v a, s32v b) { return {_mm256_and_si256(a.v, b.v)}; }
FI_INLINE s32v bit_or(s32v a, s32v b) { return {_mm256_or_si256(a.v, b.v)}; }
template <int n>
FI_INLINE s32v shift_left(s32v a) {
  return {_mm256_slli_epi32(a.v, n)};
}
template <int n>
FI_INLINE s32v shift_right(s32v a) {
  return {_mm256_srli_epi32(a.v, n)};
}  // logical

FI_INLINE f32v load_f16(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}

FI_INLINE s32v load_u8(const uint8_t* p) {
  return {_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))};
}
FI_INLINE s32v load_s8(const int8_t* p) {
  return {_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))};
}
FI_INLINE s32v load_s32(const int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}

FI_INLINE maskv any_bits(s32v a, s32v b) {
  const __m256i none = _mm256_cmpeq_epi32(_mm256_and_si256(a.v, b.v), _mm256_setzero_si256());
  return {_mm256_castsi256_ps(_mm256_xor_si256(none, _mm256_set1_epi32(-1)))};
}

/// As _mm256_mask_i32gather_ps, but for Yz: the index is in ymm0. QEMU 7.2, on which this tier is
/// tested as well, takes an index in ymm4 for none.
FI_INLINE __m256 gather_over(__m256 result, const float* base, __m256i index, __m256 there) {
  asm("vgatherdps %[there], (%[base], %[index], 4), %[result]"
      : [result] "+&x"(result), [there] "+&x"(there)
      : [base] "r"(base), [index] "Yz"(index),
        "m"(*reinterpret_cast<const float (*)[INT32_MAX / 4]>(base)));
  return result;
}
FI_INLINE f32v gather(const float* base, s32v index) {
  const __m256 all = _mm256_castsi256_ps(_mm256_set1_epi32(-1));
  return {gather_over(_mm256_undefined_ps(), base, index.v, all)};
}
FI_INLINE f32v gather(const float* base, s32v index, maskv m) {
  return {gather_over(_mm256_setzero_ps(), base, index.v, m.v)};
}

struct table16 {
  __m256 low, high;
};
FI_INLINE table16 load_table16(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
FI_INLINE f32v lookup16(table16 t, s32v code) {
  const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(code.v, 28));  // bit 3 as the sign
  return {_mm256_blendv_ps(_mm256_permutevar8x32_ps(t.low, code.v),
                           _mm256_permutevar8x32_ps(t.high, code.v), upper)};
}
struct table32 {
  table16 low, high;
};
FI_INLINE table32 load_table32(const float* p) { return {load_table16(p), load_table16(p + 16)}; }
FI_INLINE f32v lookup32(table32 t, s32v code) {
  const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(code.v, 27));
  return {_mm256_blendv_ps(lookup16(t.low, code).v, lookup16(t.high, code).v, upper)};
}

template <class At>
FI_INLINE f32v load_quads(At&& at) {
  const __m256 low = _mm256_castps128_ps256(_mm_loadu_ps(at(0)));
  return {_mm256_insertf128_ps(low, _mm_loadu_ps(at(1)), 1)};
}
template <int n, class At>
FI_INLINE f32v load_repeated_quads(At&& at) {
  if constexpr (n == 4) return load_quads(at);
  return {_mm256_broadcast_ps(reinterpret_cast<const __m128*>(at(0)))};
}
template <int n>
FI_INLINE f32v load_repeated(const float* p) {
  if constexpr (n == 4) return {_mm256_broadcast_ps(reinterpret_cast<const __m128*>(p))};
  return load(p);
}
FI_INLINE f32v splat_first(f32v a) { return {_mm256_broadcastss_ps(_mm256_castps256_ps128(a.v))}; }
template <int i>
FI_INLINE f32v splat_in_quads(f32v a) {
  return {_mm256_permute_ps(a.v, i * 0x55)};
}
template <class At>
FI_INLINE f32v splat_quads(At&& at) {
  return {_mm256_blend_ps(_mm256_broadcast_ss(at(0)), _mm256_broadcast_ss(at(1)), 0xf0)};
}
template <class At>
FI_INLINE void store_quads(At&& at, f32v a) {
  _mm_storeu_ps(at(0), _mm256_castps256_ps128(a.v));
  _mm_storeu_ps(at(1), _mm256_extractf128_ps(a.v, 1));
}

FI_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }
FI_INLINE void prefetch_l2(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}

}  // namespace
}  // namespace fi
