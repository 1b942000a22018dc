// Rows of elements of any dtype: moved between strides, and converted between dtypes.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace fi::strided {

/// dst[i] = src[i] for n elements of `size` bytes (1, 2, 4, 8), steps in bytes (0 and negative
/// too).
void move_row(int64_t size, const char* src, int64_t src_step, char* dst, int64_t dst_step,
              int64_t n);

/// d[i] = s[i] cast to another dtype; both dense and not overlapping.
using Convert = void (*)(const void* s, void* d, int64_t n);
/// The conversion from one dtype to another as make_copy describes it; null if the dtypes are
/// equal.
Convert converter(DType from, DType to);

/// Elements in the on-stack buffers of rows.
inline constexpr int64_t kRow = 512;

/// Room for a row of any dtype.
struct RowBuffer {
  alignas(64) char bytes[kRow * 8];
};

/// Reads n <= kRow elements of `size` bytes as dense elements of another dtype: in place if they
/// are that already.
const void* read_row(int64_t size, Convert convert, const char* src, int64_t step, int64_t n,
                     RowBuffer& gathered, RowBuffer& converted);
/// The inverse of read_row for elements in `dense`.
void write_row(int64_t size, Convert convert, const void* dense, char* dst, int64_t step, int64_t n,
               RowBuffer& buffer);

/// The type that a dtype computes in: f16 and bf16 in f32, the others in their own.
constexpr DType compute_dtype(DType t) {
  return t == DType::f16 || t == DType::bf16 ? DType::f32 : t;
}
/// The type that it accumulates in: f64, s64 or u64 (boolean too).
constexpr DType accumulator_dtype(DType t) {
  switch (t) {
    case DType::f64:
    case DType::f32:
    case DType::f16:
    case DType::bf16:
      return DType::f64;
    case DType::s64:
    case DType::s32:
    case DType::s16:
    case DType::s8:
      return DType::s64;
    default:
      return DType::u64;
  }
}

/// f(T{}) with the C++ type that elements of an integer or native float dtype have; boolean is
/// unsigned char.
template <class F>
decltype(auto) visit_native(DType t, F&& f) {
  switch (t) {
    case DType::f64:
      return f(double{});
    case DType::s64:
      return f(int64_t{});
    case DType::s32:
      return f(int32_t{});
    case DType::s16:
      return f(int16_t{});
    case DType::s8:
      return f(int8_t{});
    case DType::u64:
      return f(uint64_t{});
    case DType::u32:
      return f(uint32_t{});
    case DType::u16:
      return f(uint16_t{});
    case DType::u8:
    case DType::boolean:
      return f(uint8_t{});
    default:
      return f(float{});
  }
}

}  // namespace fi::strided
