#include "plan/weight.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/half.h"

namespace fi::plan {
namespace {

constexpr uint8_t kFillerGap = 15;

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

void decode_sparse_codebook(const Weight& weight, int64_t count, float* out) {
  const auto* codebook = static_cast<const char*>(weight.values.data);
  const auto* codes = static_cast<const uint8_t*>(weight.codes.data);
  const auto* gaps = static_cast<const uint8_t*>(weight.gaps.data);
  const int64_t entries = weight.codes.bytes;
  std::fill(out, out + count, 0.0f);
  int64_t position = -1;
  for (int64_t i = 0; i < entries; ++i) {
    const uint8_t gap = static_cast<uint8_t>((gaps[i / 2] >> (i % 2 * 4)) & 15);
    position += gap + 1;
    if (position >= count) {
      throw Error(ErrorKind::value,
                  "a sparse codebook weight has an entry beyond its last element");
    }
    const bool filler = codes[i] == 0 && gap == kFillerGap;
    if (filler) continue;
    if ((static_cast<int64_t>(codes[i]) + 1) * 4 > weight.values.bytes) {
      throw Error(ErrorKind::value, "a sparse codebook weight has a code outside of its codebook");
    }
    std::memcpy(out + position, codebook + 4 * static_cast<int64_t>(codes[i]), sizeof(float));
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
  }
}

}  // namespace fi::plan
