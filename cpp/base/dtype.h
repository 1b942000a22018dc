// Element types, in the names of the field: s8 is a signed byte, f16 an IEEE half.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/inline.h"

namespace fi {

enum class DType : uint8_t {
  f64,
  f32,
  f16,
  bf16,
  s64,
  s32,
  s16,
  s8,
  u64,
  u32,
  u16,
  u8,
  s4,
  u4,
  boolean,
  bits,
};

inline constexpr int kDTypes = 16;

/// Bits of one element; s4 and u4 pack two to a byte, bits eight.
FI_INLINE constexpr int bit_width(DType t) {
  switch (t) {
    case DType::f64:
    case DType::s64:
    case DType::u64:
      return 64;
    case DType::f32:
    case DType::s32:
    case DType::u32:
      return 32;
    case DType::f16:
    case DType::bf16:
    case DType::s16:
    case DType::u16:
      return 16;
    case DType::s8:
    case DType::u8:
    case DType::boolean:
      return 8;
    case DType::s4:
    case DType::u4:
      return 4;
    case DType::bits:
      return 1;
  }
  return 0;
}

/// Bytes that n elements take when stored densely.
FI_INLINE constexpr int64_t byte_size(DType t, int64_t n) { return (n * bit_width(t) + 7) / 8; }

/// "f32", "s8", ... as Python spells them; defined in dtype.cc.
const char* name_of(DType t);
/// The inverse; false if there is no such type.
bool dtype_from_name(const char* name, DType* out);

}  // namespace fi
