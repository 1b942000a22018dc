// AVX-512 (F, BW, DQ, VL): 16 floats. Every tier's vec.h offers the same operations.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "base/inline.h"

namespace fi {
namespace {

struct f32v {
  __m512 v;
};
struct s32v {
  __m512i v;
};
struct maskv {
  __mmask16 v;
};
constexpr int kLanes = 16;

FI_INLINE __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1); }

FI_INLINE f32v zero() { return {_mm512_setzero_ps()}; }
FI_INLINE f32v splat(float x) { return {_mm512_set1_ps(x)}; }
FI_INLINE f32v load(const float* p) { return {_mm512_loadu_ps(p)}; }
FI_INLINE f32v load_n(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
FI_INLINE void store(float* p, f32v a) { _mm512_storeu_ps(p, a.v); }
FI_INLINE void store_n(float* p, f32v a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }

FI_INLINE f32v add(f32v a, f32v b) { return {_mm512_add_ps(a.v, b.v)}; }
FI_INLINE f32v sub(f32v a, f32v b) { return {_mm512_sub_ps(a.v, b.v)}; }
FI_INLINE f32v mul(f32v a, f32v b) { return {_mm512_mul_ps(a.v, b.v)}; }
FI_INLINE f32v div(f32v a, f32v b) { return {_mm512_div_ps(a.v, b.v)}; }
FI_INLINE f32v fma(f32v a, f32v b, f32v c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
FI_INLINE f32v fnma(f32v a, f32v b, f32v c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }  // c - ab
FI_INLINE f32v sqrt(f32v a) { return {_mm512_sqrt_ps(a.v)}; }
FI_INLINE f32v abs(f32v a) { return {_mm512_abs_ps(a.v)}; }
FI_INLINE f32v max(f32v a, f32v b) { return {_mm512_max_ps(a.v, b.v)}; }
FI_INLINE f32v min(f32v a, f32v b) { return {_mm512_min_ps(a.v, b.v)}; }
FI_INLINE f32v round_even(f32v a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
FI_INLINE f32v floor(f32v a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
}
FI_INLINE f32v ceil(f32v a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)};
}

FI_INLINE maskv less(f32v a, f32v b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
FI_INLINE maskv less_equal(f32v a, f32v b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
FI_INLINE maskv equal(f32v a, f32v b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
FI_INLINE maskv is_nan(f32v a) { return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)}; }
FI_INLINE f32v select(maskv m, f32v a, f32v b) { return {_mm512_mask_blend_ps(m.v, b.v, a.v)}; }

/// Lanes [begin, end); and a load of the lanes of a mask, the others zero, that reads nothing else.
FI_INLINE maskv lanes_between(int begin, int end) {
  return {static_cast<__mmask16>((1u << end) - (1u << begin))};
}
FI_INLINE f32v load_where(const float* p, maskv m) { return {_mm512_maskz_loadu_ps(m.v, p)}; }

FI_INLINE float reduce_add(f32v a) { return _mm512_reduce_add_ps(a.v); }
FI_INLINE float reduce_max(f32v a) { return _mm512_reduce_max_ps(a.v); }

/// permute(a, permutation(from)): lane l is lane from[l] of a.
struct permv {
  __m512i v;
};
FI_INLINE permv permutation(const int32_t* from) { return {_mm512_loadu_si512(from)}; }
FI_INLINE f32v permute(f32v a, permv p) { return {_mm512_permutexvar_ps(p.v, a.v)}; }

FI_INLINE s32v splat_s32(int32_t x) { return {_mm512_set1_epi32(x)}; }
FI_INLINE s32v to_s32(f32v a) { return {_mm512_cvtps_epi32(a.v)}; }  // nearest even
FI_INLINE f32v to_f32(s32v a) { return {_mm512_cvtepi32_ps(a.v)}; }
FI_INLINE s32v as_s32(f32v a) { return {_mm512_castps_si512(a.v)}; }
FI_INLINE f32v as_f32(s32v a) { return {_mm512_castsi512_ps(a.v)}; }
FI_INLINE s32v add(s32v a, s32v b) { return {_mm512_add_epi32(a.v, b.v)}; }
FI_INLINE s32v sub(s32v a, s32v b) { return {_mm512_sub_epi32(a.v, b.v)}; }
FI_INLINE s32v bit_and(s32v a, s32v b) { return {_mm512_and_si512(a.v, b.v)}; }
FI_INLINE s32v bit_or(s32v a, s32v b) { return {_mm512_or_si512(a.v, b.v)}; }
template <int n>
FI_INLINE s32v shift_left(s32v a) {
  return {_mm512_slli_epi32(a.v, n)};
}
template <int n>
FI_INLINE s32v shift_right(s32v a) {
  return {_mm512_srli_epi32(a.v, n)};
}  // logical

FI_INLINE f32v load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}

/// kLanes bytes, widened.
FI_INLINE s32v load_u8(const uint8_t* p) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
FI_INLINE s32v load_s8(const int8_t* p) {
  return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
/// The empty statement keeps it in a register: gcc would load it again for every shift of it.
FI_INLINE s32v load_s32(const int32_t* p) {
  __m512i v = _mm512_loadu_si512(p);
  asm("" : "+v"(v));
  return {v};
}

/// Lanes where a & b has a bit set.
FI_INLINE maskv any_bits(s32v a, s32v b) { return {_mm512_test_epi32_mask(a.v, b.v)}; }
/// base[index] of each lane.
FI_INLINE f32v gather(const float* base, s32v index) {
  return {_mm512_i32gather_ps(index.v, base, 4)};
}
/// The same where m holds, else 0; every index must be readable.
FI_INLINE f32v gather(const float* base, s32v index, maskv m) {
  return {_mm512_mask_i32gather_ps(_mm512_setzero_ps(), m.v, index.v, base, 4)};
}

/// Tables in registers: entry (code mod 16) or (code mod 32) of each lane.
struct table16 {
  __m512 v;
};
FI_INLINE table16 load_table16(const float* p) { return {_mm512_loadu_ps(p)}; }
FI_INLINE f32v lookup16(table16 t, s32v code) { return {_mm512_permutexvar_ps(code.v, t.v)}; }
struct table32 {
  __m512 low, high;
};
FI_INLINE table32 load_table32(const float* p) {
  return {_mm512_loadu_ps(p), _mm512_loadu_ps(p + 16)};
}
FI_INLINE f32v lookup32(table32 t, s32v code) {
  return {_mm512_permutex2var_ps(t.low, code.v, t.high)};
}

/// Quads: lane 4q + i is at(q)[i], for load_quads and store_quads; *at(q), for splat_quads.
template <class At>
FI_INLINE f32v load_quads(At&& at) {
  __m512 a = _mm512_castps128_ps512(_mm_loadu_ps(at(0)));
  a = _mm512_mask_broadcast_f32x4(a, 0x00f0, _mm_loadu_ps(at(1)));
  a = _mm512_mask_broadcast_f32x4(a, 0x0f00, _mm_loadu_ps(at(2)));
  return {_mm512_mask_broadcast_f32x4(a, 0xf000, _mm_loadu_ps(at(3)))};
}
/// Lane l is at(l / n)[l % 4], n = 4 or 8: every n lanes hold the quad of another place.
template <int n, class At>
FI_INLINE f32v load_repeated_quads(At&& at) {
  if constexpr (n == 4) return load_quads(at);
  const __m512 a = _mm512_broadcast_f32x4(_mm_loadu_ps(at(0)));
  return {_mm512_mask_broadcast_f32x4(a, 0xff00, _mm_loadu_ps(at(1)))};
}
/// Lane l is p[l % n], n = 4 or 8.
template <int n>
FI_INLINE f32v load_repeated(const float* p) {
  if constexpr (n == 4) return {_mm512_broadcast_f32x4(_mm_loadu_ps(p))};
  return {_mm512_broadcast_f32x8(_mm256_loadu_ps(p))};
}
/// Lane 0, in all lanes.
FI_INLINE f32v splat_first(f32v a) { return {_mm512_broadcastss_ps(_mm512_castps512_ps128(a.v))}; }
/// Element i of each quad, in all of its lanes.
template <int i>
FI_INLINE f32v splat_in_quads(f32v a) {
  return {_mm512_permute_ps(a.v, i * 0x55)};
}
template <class At>
FI_INLINE f32v splat_quads(At&& at) {
  __m512 a = _mm512_set1_ps(*at(0));
  a = _mm512_mask_broadcastss_ps(a, 0x00f0, _mm_load_ss(at(1)));
  a = _mm512_mask_broadcastss_ps(a, 0x0f00, _mm_load_ss(at(2)));
  return {_mm512_mask_broadcastss_ps(a, 0xf000, _mm_load_ss(at(3)))};
}
template <class At>
FI_INLINE void store_quads(At&& at, f32v a) {
  _mm_storeu_ps(at(0), _mm512_castps512_ps128(a.v));
  _mm_storeu_ps(at(1), _mm512_extractf32x4_ps(a.v, 1));
  _mm_storeu_ps(at(2), _mm512_extractf32x4_ps(a.v, 2));
  _mm_storeu_ps(at(3), _mm512_extractf32x4_ps(a.v, 3));
}

FI_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }
FI_INLINE void prefetch_l2(const void* p) {
  _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1);
}

}  // namespace
}  // namespace fi
