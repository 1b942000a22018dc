// 16-bit floats in plain integer arithmetic, so that compilers vectorise loops over them on any
// CPU.
#pragma once

#include <cstdint>

#include "base/inline.h"

namespace fi {

FI_INLINE float bits_to_f32(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}

FI_INLINE uint32_t f32_to_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}

/// Exact, in any floating-point mode: a subnormal half is a whole number of 2^-24, never a denormal
/// f32.
FI_INLINE float f16_to_f32(uint16_t h) {
  const uint32_t magnitude = h & 0x7FFFu;
  const uint32_t tiny = f32_to_bits(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  const uint32_t normal = (magnitude << 13) + 0x38000000u;
  const uint32_t special = magnitude << 13 | 0x7F800000u;  // infinity, NaN
  const uint32_t finite = magnitude < 0x0400u ? tiny : normal;
  return bits_to_f32((magnitude >= 0x7C00u ? special : finite) | (h & 0x8000u) << 16);
}

/// Rounds to nearest even; overflow gives infinity, NaN a quiet NaN. The trick for subnormals:
/// adding 0.5 lets the floating-point unit round at bit 2^-24.
FI_INLINE uint16_t f32_to_f16(float x) {
  const uint32_t sign = f32_to_bits(x) & 0x80000000u, magnitude = f32_to_bits(x) ^ sign;
  const uint32_t odd = magnitude >> 13 & 1;
  const uint32_t normal = (magnitude - 0x38000000u + 0xFFFu + odd) >> 13;
  const uint32_t tiny = f32_to_bits(bits_to_f32(magnitude) + 0.5f) - 0x3F000000u;
  uint32_t h = magnitude < 0x38800000u ? tiny : normal;
  h = magnitude >= 0x477FF000u ? 0x7C00u : h;
  h = magnitude > 0x7F800000u ? 0x7E00u : h;
  return static_cast<uint16_t>(h | sign >> 16);
}

FI_INLINE float bf16_to_f32(uint16_t h) { return bits_to_f32(static_cast<uint32_t>(h) << 16); }

/// Rounds to nearest even; NaN stays a (quiet) NaN.
FI_INLINE uint16_t f32_to_bf16(float x) {
  const uint32_t bits = f32_to_bits(x);
  const uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1)) >> 16;
  return static_cast<uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? bits >> 16 | 0x40u : rounded);
}

}  // namespace fi
