// NEON (ARMv8-A): 4 floats. Every tier's vec.h offers the same operations (see avx512/vec.h). max
// and min give NaN if either operand is NaN.
#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "base/inline.h"

namespace fi {
namespace {

struct f32v {
  float32x4_t v;
};
struct s32v {
  int32x4_t v;
};
struct maskv {
  uint32x4_t v;
};  // all bits of a lane, or none
constexpr int kLanes = 4;

FI_INLINE f32v zero() { return {vdupq_n_f32(0)}; }
FI_INLINE f32v splat(float x) { return {vdupq_n_f32(x)}; }
FI_INLINE f32v load(const float* p) { return {vld1q_f32(p)}; }
FI_INLINE f32v load_n(const float* p, int n) {
  float32x4_t a = vdupq_n_f32(0);
  if (n > 0) a = vld1q_lane_f32(p, a, 0);
  if (n > 1) a = vld1q_lane_f32(p + 1, a, 1);
  if (n > 2) a = vld1q_lane_f32(p + 2, a, 2);
  if (n > 3) a = vld1q_lane_f32(p + 3, a, 3);
  return {a};
}
FI_INLINE void store(float* p, f32v a) { vst1q_f32(p, a.v); }
FI_INLINE void store_n(float* p, f32v a, int n) {
  if (n > 0) vst1q_lane_f32(p, a.v, 0);
  if (n > 1) vst1q_lane_f32(p + 1, a.v, 1);
  if (n > 2) vst1q_lane_f32(p + 2, a.v, 2);
  if (n > 3) vst1q_lane_f32(p + 3, a.v, 3);
}

FI_INLINE f32v add(f32v a, f32v b) { return {vaddq_f32(a.v, b.v)}; }
FI_INLINE f32v sub(f32v a, f32v b) { return {vsubq_f32(a.v, b.v)}; }
FI_INLINE f32v mul(f32v a, f32v b) { return {vmulq_f32(a.v, b.v)}; }
FI_INLINE f32v div(f32v a, f32v b) { return {vdivq_f32(a.v, b.v)}; }
FI_INLINE f32v fma(f32v a, f32v b, f32v c) { return {vfmaq_f32(c.v, a.v, b.v)}; }
FI_INLINE f32v fnma(f32v a, f32v b, f32v c) { return {vfmsq_f32(c.v, a.v, b.v)}; }  // c - ab
FI_INLINE f32v sqrt(f32v a) { return {vsqrtq_f32(a.v)}; }
FI_INLINE f32v abs(f32v a) { return {vabsq_f32(a.v)}; }
FI_INLINE f32v max(f32v a, f32v b) { return {vmaxq_f32(a.v, b.v)}; }
FI_INLINE f32v min(f32v a, f32v b) { return {vminq_f32(a.v, b.v)}; }
FI_INLINE f32v round_even(f32v a) { return {vrndnq_f32(a.v)}; }
FI_INLINE f32v floor(f32v a) { return {vrndmq_f32(a.v)}; }
FI_INLINE f32v ceil(f32v a) { return {vrndpq_f32(a.v)}; }

FI_INLINE maskv less(f32v a, f32v b) { return {vcltq_f32(a.v, b.v)}; }
FI_INLINE maskv less_equal(f32v a, f32v b) { return {vcleq_f32(a.v, b.v)}; }
FI_INLINE maskv equal(f32v a, f32v b) { return {vceqq_f32(a.v, b.v)}; }
FI_INLINE maskv is_nan(f32v a) { return {vmvnq_u32(vceqq_f32(a.v, a.v))}; }
FI_INLINE f32v select(maskv m, f32v a, f32v b) { return {vbslq_f32(m.v, a.v, b.v)}; }

FI_INLINE maskv lanes_between(int begin, int end) {
  const int32x4_t lane = {0, 1, 2, 3};
  return {vandq_u32(vcgeq_s32(lane, vdupq_n_s32(begin)), vcltq_s32(lane, vdupq_n_s32(end)))};
}
FI_INLINE f32v load_where(const float* p, maskv m) {
  float32x4_t a = vdupq_n_f32(0);
  if (vgetq_lane_u32(m.v, 0)) a = vld1q_lane_f32(p, a, 0);
  if (vgetq_lane_u32(m.v, 1)) a = vld1q_lane_f32(p + 1, a, 1);
  if (vgetq_lane_u32(m.v, 2)) a = vld1q_lane_f32(p + 2, a, 2);
  if (vgetq_lane_u32(m.v, 3)) a = vld1q_lane_f32(p + 3, a, 3);
  return {a};
}

FI_INLINE float reduce_add(f32v a) { return vaddvq_f32(a.v); }
FI_INLINE float reduce_max(f32v a) { return vmaxvq_f32(a.v); }

struct permv {
  uint8x16_t v;
};  // by bytes
FI_INLINE permv permutation(const int32_t* from) {
  const uint32x4_t bytes = vmulq_n_u32(vreinterpretq_u32_s32(vld1q_s32(from)), 0x04040404u);
  return {vreinterpretq_u8_u32(vaddq_u32(bytes, vdupq_n_u32(0x03020100u)))};
}
FI_INLINE f32v permute(f32v a, permv p) {
  return {vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(a.v), p.v))};
}

FI_INLINE s32v splat_s32(int32_t x) { return {vdupq_n_s32(x)}; }
FI_INLINE s32v to_s32(f32v a) { return {vcvtnq_s32_f32(a.v)}; }  // nearest even
FI_INLINE f32v to_f32(s32v a) { return {vcvtq_f32_s32(a.v)}; }
FI_INLINE s32v as_s32(f32v a) { return {vreinterpretq_s32_f32(a.v)}; }
FI_INLINE f32v as_f32(s32v a) { return {vreinterpretq_f32_s32(a.v)}; }
FI_INLINE s32v add(s32v a, s32v b) { return {vaddq_s32(a.v, b.v)}; }
FI_INLINE s32v sub(s32v a, s32v b) { return {vsubq_s32(a.v, b.v)}; }
FI_INLINE s32v bit_and(s32v a, s32v b) { return {vandq_s32(a.v, b.v)}; }
FI_INLINE s32v bit_or(s32v a, s32v b) { return {vorrq_s32(a.v, b.v)}; }
template <int n>
FI_INLINE s32v shift_left(s32v a) {
  return {vshlq_n_s32(a.v, n)};
}
template <int n>
FI_INLINE s32v shift_right(s32v a) {  // logical
  if constexpr (n == 0)
    return a;  // no instruction has it
  else
    return {vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a.v), n))};
}

FI_INLINE f32v load_f16(const uint16_t* p) {
  return {vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)))};
}

FI_INLINE s32v load_u8(const uint8_t* p) {
  uint32_t four;
  __builtin_memcpy(&four, p, sizeof(four));
  const uint16x8_t wide = vmovl_u8(vcreate_u8(four));
  return {vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(wide)))};
}
FI_INLINE s32v load_s8(const int8_t* p) {
  uint32_t four;
  __builtin_memcpy(&four, p, sizeof(four));
  return {vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(vcreate_u8(four)))))};
}
FI_INLINE s32v load_s32(const int32_t* p) { return {vld1q_s32(p)}; }

FI_INLINE maskv any_bits(s32v a, s32v b) { return {vtstq_s32(a.v, b.v)}; }
FI_INLINE f32v gather(const float* base, s32v index) {
  float32x4_t a = vld1q_dup_f32(base + vgetq_lane_s32(index.v, 0));
  a = vld1q_lane_f32(base + vgetq_lane_s32(index.v, 1), a, 1);
  a = vld1q_lane_f32(base + vgetq_lane_s32(index.v, 2), a, 2);
  return {vld1q_lane_f32(base + vgetq_lane_s32(index.v, 3), a, 3)};
}
FI_INLINE f32v gather(const float* base, s32v index, maskv m) {
  return select(m, gather(base, index), zero());
}

/// 16 floats are the 64 bytes of one table look-up.
struct table16 {
  uint8x16x4_t v;
};
FI_INLINE table16 load_table16(const float* p) {
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(p);
  return {{{vld1q_u8(bytes), vld1q_u8(bytes + 16), vld1q_u8(bytes + 32), vld1q_u8(bytes + 48)}}};
}
/// The bytes 4 * code, 4 * code + 1, ... of each lane.
FI_INLINE uint8x16_t bytes_of_entry(s32v code, int mask) {
  const uint32x4_t entry = vreinterpretq_u32_s32(vandq_s32(code.v, vdupq_n_s32(mask)));
  return vreinterpretq_u8_u32(vmlaq_n_u32(vdupq_n_u32(0x03020100), entry, 0x04040404));
}
FI_INLINE f32v lookup16(table16 t, s32v code) {
  return {vreinterpretq_f32_u8(vqtbl4q_u8(t.v, bytes_of_entry(code, 15)))};
}
struct table32 {
  table16 low, high;
};
FI_INLINE table32 load_table32(const float* p) { return {load_table16(p), load_table16(p + 16)}; }
FI_INLINE f32v lookup32(table32 t, s32v code) {
  const uint8x16_t bytes = bytes_of_entry(code, 31);
  const uint8x16_t low = vqtbl4q_u8(t.low.v, bytes);  // 0 beyond its 64 bytes
  return {vreinterpretq_f32_u8(vqtbx4q_u8(low, t.high.v, vsubq_u8(bytes, vdupq_n_u8(64))))};
}

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
FI_INLINE f32v splat_first(f32v a) { return {vdupq_laneq_f32(a.v, 0)}; }
template <int i>
FI_INLINE f32v splat_in_quads(f32v a) {
  return {vdupq_laneq_f32(a.v, i)};
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
