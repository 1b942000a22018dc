#include "kernels/codebook/pack.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace fi::codebook {
namespace {

/// What a packed buffer starts with; the parts follow at these offsets.
struct Header {
  Matrix matrix;  // its pointers are set when it is looked at
  int64_t begin, output_of, values, data;
};

int64_t block_bytes(Code code) {
  switch (code) {
    case Code::c4:
      return 3 * kGroup;
    case Code::f32:
      return kGroup + kGroup * static_cast<int64_t>(sizeof(float));
    default:
      return 2 * kGroup;
  }
}

int64_t steps_of_block(Code code) { return code == Code::c4 ? 2 : 1; }

/// A zeroed buffer with its header; `matrix` states sizes.
AlignedBuffer make_buffer(const Matrix& matrix) {
  const bool gapped = matrix.form == Form::gapped;
  Header header{matrix, 0, 0, 0, 0};
  header.begin = align_up(sizeof(Header));
  header.output_of = header.begin + (gapped ? align_up((matrix.groups + 1) * 8) : 0);
  header.values = header.output_of + (gapped ? align_up(matrix.groups * kGroup * 4) : 0);
  header.data = header.values + align_up(kValues * static_cast<int64_t>(sizeof(float)));
  AlignedBuffer packed(header.data + matrix.bytes);
  std::memset(packed.data(), 0, static_cast<size_t>(packed.bytes()));
  std::memcpy(packed.data(), &header, sizeof header);
  return packed;
}

template <class T>
T* part(const AlignedBuffer& packed, int64_t Header::* offset) {
  return reinterpret_cast<T*>(packed.data() + packed.as<Header>()->*offset);
}

void copy_values(const AlignedBuffer& packed, const float* values, int64_t count) {
  if (count > kValues) throw Error(ErrorKind::value, "more values than codes");
  if (count > 0) std::copy_n(values, count, part<float>(packed, &Header::values));
}

}  // namespace

Code code_of(int64_t values) {
  if (values <= 16) return Code::c4;
  if (values <= 32) return Code::c5;
  return values <= kValues ? Code::c8 : Code::f32;
}

Matrix matrix_of(const AlignedBuffer& packed) {
  Matrix matrix = packed.as<Header>()->matrix;
  matrix.begin = part<int64_t>(packed, &Header::begin);
  matrix.output_of = part<int32_t>(packed, &Header::output_of);
  matrix.values = part<float>(packed, &Header::values);
  matrix.data = part<uint8_t>(packed, &Header::data);
  return matrix;
}

int64_t gapped_bytes(int64_t entries, Code code) {
  return entries * block_bytes(code) / (kGroup * steps_of_block(code));
}

int64_t coded_bytes(int64_t outputs, int64_t inputs, Code code) {
  return outputs * (code == Code::c4 ? (inputs + 1) / 2 : inputs);
}

GappedPacker::GappedPacker(int64_t outputs, int64_t inputs, Code code)
    : outputs_(outputs), inputs_(inputs), code_(code), cursors_(static_cast<size_t>(outputs)) {
  if (outputs > INT32_MAX || inputs > INT32_MAX) throw Error(ErrorKind::value, "a huge matrix");
}

void GappedPacker::sort_outputs() {
  order_.resize(static_cast<size_t>(outputs_));
  std::iota(order_.begin(), order_.end(), 0);
  std::stable_sort(order_.begin(), order_.end(), [&](int64_t a, int64_t b) {
    return cursors_[static_cast<size_t>(a)].slots > cursors_[static_cast<size_t>(b)].slots;
  });
}

void GappedPacker::place(const float* values, int64_t count) {
  sort_outputs();
  Matrix matrix{};
  matrix.form = Form::gapped;
  matrix.code = code_;
  matrix.outputs = outputs_;
  matrix.inputs = inputs_;
  matrix.entries = entries_;
  matrix.group_outputs = kGroup;
  matrix.groups = (outputs_ + kGroup - 1) / kGroup;
  std::vector<int64_t> begin(static_cast<size_t>(matrix.groups) + 1);
  for (int64_t g = 0; g < matrix.groups; ++g) {
    const int64_t longest = cursors_[static_cast<size_t>(order_[g * kGroup])].slots;
    const int64_t blocks = (longest + steps_of_block(code_) - 1) / steps_of_block(code_);
    begin[g + 1] = begin[g] + blocks * block_bytes(code_);
  }
  matrix.bytes = begin.back();
  packed_ = make_buffer(matrix);
  copy_values(packed_, values, count);
  std::copy(begin.begin(), begin.end(), part<int64_t>(packed_, &Header::begin));
  int32_t* output_of = part<int32_t>(packed_, &Header::output_of);
  for (int64_t i = 0; i < matrix.groups * kGroup; ++i) {
    const int64_t output = order_[std::min(i, outputs_ - 1)];
    output_of[i] = static_cast<int32_t>(output);
    if (i >= outputs_) continue;
    cursors_[static_cast<size_t>(output)] = {0, 0, begin[i / kGroup], static_cast<int>(i % kGroup)};
  }
  data_ = part<uint8_t>(packed_, &Header::data);
}

// The next slot of an output, with its distance written.
uint8_t* GappedPacker::slot(Cursor& at, int64_t gap) {
  const int64_t steps = steps_of_block(code_);
  uint8_t* block = data_ + at.base + at.slots / steps * block_bytes(code_) + at.lane;
  odd_ = static_cast<int>(at.slots % steps);
  ++at.slots;
  block[code_ == Code::f32 ? 0 : kGroup * (1 + odd_)] = static_cast<uint8_t>(gap);
  return block;
}

uint8_t* GappedPacker::next(int64_t output, int64_t input) {
  Cursor& at = cursors_[static_cast<size_t>(output)];
  int64_t gap = input - at.input;
  at.input = input;
  for (; gap > kMaxGap; gap -= kMaxGap) slot(at, kMaxGap);
  return slot(at, gap);
}

void GappedPacker::put_value(int64_t output, int64_t input, float value) {
  uint8_t* block = next(output, input);
  const int lane = cursors_[static_cast<size_t>(output)].lane;
  std::memcpy(block - lane + kGroup + lane * static_cast<int64_t>(sizeof value), &value,
              sizeof value);
}

CodedPacker::CodedPacker(int64_t outputs, int64_t inputs, Code code, int group_outputs,
                         const float* values, int64_t count)
    : code_(code), width_(group_outputs), steps_(code == Code::c4 ? (inputs + 1) / 2 : inputs) {
  Matrix matrix{};
  matrix.form = Form::coded;
  matrix.code = code;
  matrix.outputs = outputs;
  matrix.inputs = inputs;
  matrix.group_outputs = group_outputs;
  matrix.groups = (outputs + width_ - 1) / width_;
  matrix.entries = outputs * inputs;
  matrix.bytes = matrix.groups * steps_ * width_;
  packed_ = make_buffer(matrix);
  copy_values(packed_, values, count);
  data_ = part<uint8_t>(packed_, &Header::data);
}

}  // namespace fi::codebook
