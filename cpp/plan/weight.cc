#include "plan/weight.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/half.h"
#include "plan/weight_entries.h"

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

float codebook_value(const Weight& weight, int code) {
  if ((static_cast<int64_t>(code) + 1) * 4 > weight.values.bytes) {
    malformed_weight("has a code outside of its codebook");
  }
  return element<float>(weight.values, code);
}

void decode_codebook(const Weight& weight, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    out[i] = codebook_value(weight, packed_integer(weight.codes, i, weight.code_bits));
  }
}

void decode_sparse_codebook(const Weight& weight, int64_t count, float* out) {
  const int64_t columns = MatrixWalk(weight).columns();
  std::fill(out, out + count, 0.0f);
  for_each_code(weight, [&](int64_t row, int64_t column, int code) {
    out[row * columns + column] = codebook_value(weight, code);
  });
}

// Rows of blocks; csr is the case of 1x1 blocks.
void decode_rows(const Weight& weight, int64_t count, float* out) {
  const int64_t columns = MatrixWalk(weight).columns();
  std::fill(out, out + count, 0.0f);
  for_each_stored(weight, [&](int64_t row, int64_t column, float value) {
    out[row * columns + column] = value;
  });
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
