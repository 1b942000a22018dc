#include "kernels/strided/row.h"

#include <cstring>

#include "kernels/strided/scalar.h"

namespace fi::strided {
namespace {

template <int size>
void move_elements(const char* src, int64_t src_step, char* dst, int64_t dst_step, int64_t n) {
  for (int64_t i = 0; i < n; ++i) std::memcpy(dst + i * dst_step, src + i * src_step, size);
}

/// dst dense: the compiler can store vectors.
template <class T>
void broadcast(const char* src, char* dst, int64_t n) {
  T value;
  std::memcpy(&value, src, sizeof(T));
  for (int64_t i = 0; i < n; ++i) std::memcpy(dst + i * sizeof(T), &value, sizeof(T));
}

}  // namespace

void store_scalar(Scalar value, DType dtype, void* out) {
  const DType from = value.is_integer ? DType::s64 : DType::f64;
  const void* bytes = value.is_integer ? static_cast<const void*>(&value.integer) : &value.real;
  if (const Convert convert = converter(from, dtype)) {
    convert(bytes, out, 1);
  } else {
    std::memcpy(out, bytes, 8);
  }
}

void move_row(int64_t size, const char* src, int64_t src_step, char* dst, int64_t dst_step,
              int64_t n) {
  if (dst_step == size && src_step == size) {
    std::memmove(dst, src, n * size);
  } else if (dst_step == size && src_step == 0) {
    switch (size) {
      case 1:
        return broadcast<uint8_t>(src, dst, n);
      case 2:
        return broadcast<uint16_t>(src, dst, n);
      case 4:
        return broadcast<uint32_t>(src, dst, n);
      default:
        return broadcast<uint64_t>(src, dst, n);
    }
  } else {
    switch (size) {
      case 1:
        return move_elements<1>(src, src_step, dst, dst_step, n);
      case 2:
        return move_elements<2>(src, src_step, dst, dst_step, n);
      case 4:
        return move_elements<4>(src, src_step, dst, dst_step, n);
      default:
        return move_elements<8>(src, src_step, dst, dst_step, n);
    }
  }
}

const void* read_row(int64_t size, Convert convert, const char* src, int64_t step, int64_t n,
                     RowBuffer& gathered, RowBuffer& converted) {
  const char* dense = src;
  if (step != size && n > 1) {
    move_row(size, src, step, gathered.bytes, size, n);
    dense = gathered.bytes;
  }
  if (!convert) return dense;
  convert(dense, converted.bytes, n);
  return converted.bytes;
}

void write_row(int64_t size, Convert convert, const void* dense, char* dst, int64_t step, int64_t n,
               RowBuffer& buffer) {
  if (convert && (step == size || n == 1)) {
    convert(dense, dst, n);
  } else if (convert) {
    convert(dense, buffer.bytes, n);
    move_row(size, buffer.bytes, size, dst, step, n);
  } else if (dense != dst) {
    move_row(size, static_cast<const char*>(dense), size, dst, step, n);
  }
}

}  // namespace fi::strided
