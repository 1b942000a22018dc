#include "plan/weight.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/half.h"

namespace fi::plan {
namespace {

int64_t element_count(const Weight& weight) {
  int64_t count = 1;
  for (int64_t size : weight.shape) count *= size;
  return count;
}

// Elements may stand at any byte of a mapped file, hence memcpy.
template <class T, class Convert>
void convert(const void* from, int64_t count, float* out, Convert to_f32) {
  const char* bytes = static_cast<const char*>(from);
  for (int64_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, bytes + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    out[i] = to_f32(element);
  }
}

void decode_dense(const Weight& weight, int64_t count, float* out) {
  const void* data = weight.values.data;
  switch (weight.dtype) {
    case DType::f32:
      if (count > 0) std::memcpy(out, data, static_cast<size_t>(count) * sizeof(float));
      return;
    case DType::f64:
      return convert<double>(data, count, out, [](double x) { return static_cast<float>(x); });
    case DType::f16:
      return convert<uint16_t>(data, count, out, [](uint16_t x) { return f16_to_f32(x); });
    case DType::bf16:
      return convert<uint16_t>(data, count, out, [](uint16_t x) { return bf16_to_f32(x); });
    default:
      throw Error(ErrorKind::dtype, std::string("a weight of ") + name_of(weight.dtype) +
                                        " cannot stand for real numbers");
  }
}

[[noreturn]] void malformed(const char* reason) {
  throw Error(ErrorKind::value, std::string("a weight in compressed form ") + reason);
}

// Integer i of packed ones of 1 to 8 bits; the spans' sizes were checked against the counts.
int packed_integer(const Span& span, int64_t i, int bits) {
  const auto* bytes = static_cast<const uint8_t*>(span.data);
  const int64_t at = i * bits, byte = at / 8;
  int two = bytes[byte];
  if (at % 8 + bits > 8) two |= bytes[byte + 1] << 8;
  return two >> (at % 8) & ((1 << bits) - 1);
}

template <class T>
T element(const Span& span, int64_t i) {
  T value;
  std::memcpy(&value, static_cast<const char*>(span.data) + i * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

float codebook_value(const Weight& weight, int code) {
  if ((static_cast<int64_t>(code) + 1) * 4 > weight.values.bytes) {
    malformed("has a code outside of its codebook");
  }
  return element<float>(weight.values, code);
}

void decode_codebook(const Weight& weight, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = codebook_value(weight, packed_integer(weight.codes, i, weight.code_bits));
  }
}

void decode_sparse_codebook(const Weight& weight, int64_t count, float* out) {
  const int filler_gap = (1 << weight.index_bits) - 1;
  std::fill(out, out + count, 0.0f);
  int64_t position = -1;
  for (int64_t i = 0; i < weight.count; ++i) {
    const int gap = packed_integer(weight.gaps, i, weight.index_bits);
    const int code = packed_integer(weight.codes, i, weight.code_bits);
    position += gap + 1;
    if (position >= count) malformed("has an entry beyond its last element");
    if (code == 0 && gap == filler_gap) continue;
    out[position] = codebook_value(weight, code);
  }
}

// Rows of blocks; csr is the case of 1x1 blocks.
void decode_rows(const Weight& weight, int64_t count, float* out) {
  const int64_t height = weight.block_rows, width = weight.block_columns;
  const int64_t columns = count / std::max<int64_t>(1, weight.shape[0]);
  const int64_t block_rows = weight.shape[0] / height;
  std::fill(out, out + count, 0.0f);
  int64_t i = 0;
  for (int64_t row = 0; row < block_rows; ++row) {
    const int64_t end = element<uint32_t>(weight.row_ptr, row + 1);
    if (end < i || end > weight.count) malformed("has row pointers that do not ascend");
    for (; i < end; ++i) {
      const int64_t block = weight.index_bits == 16 ? element<uint16_t>(weight.col_idx, i)
                                                    : element<uint32_t>(weight.col_idx, i);
      if ((block + 1) * width > columns) malformed("has a column beyond its last");
      for (int64_t k = 0; k < height * width; ++k) {
        const int64_t at = (row * height + k / width) * columns + block * width + k % width;
        out[at] = element<float>(weight.values, i * height * width + k);
      }
    }
  }
}

void decode_scaled(const Weight& weight, int64_t count, float* out) {
  const int64_t size = count / std::max<int64_t>(1, weight.shape[0]);
  const int sign = 1 << (weight.code_bits - 1);
  for (int64_t i = 0; i < count; ++i) {
    const int value = packed_integer(weight.values, i, weight.code_bits);
    out[i] = static_cast<float>((value ^ sign) - sign) * element<float>(weight.scale, i / size);
  }
}

void decode_bits(const Weight& weight, int64_t count, float* out) {
  const int64_t size = count / std::max<int64_t>(1, weight.shape[0]);
  for (int64_t i = 0; i < count; ++i) {
    const float scale = element<float>(weight.scale, i / size);
    out[i] = packed_integer(weight.values, i, 1) ? scale : -scale;
  }
}

}  // namespace

void decode_f32(const Weight& weight, float* out) {
  const int64_t count = element_count(weight);
  switch (weight.form) {
    case WeightForm::dense:
      return decode_dense(weight, count, out);
    case WeightForm::sparse_codebook:
      return decode_sparse_codebook(weight, count, out);
    case WeightForm::codebook:
      return decode_codebook(weight, count, out);
    case WeightForm::csr:
    case WeightForm::block_sparse:
      return decode_rows(weight, count, out);
    case WeightForm::scaled:
      return decode_scaled(weight, count, out);
    case WeightForm::bits:
      return decode_bits(weight, count, out);
  }
}

}  // namespace fi::plan
