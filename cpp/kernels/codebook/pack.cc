#include "kernels/codebook/pack.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace fi::codebook {
namespace {

/// What a packed buffer starts with; the parts follow at these offsets.
struct Header {
  Matrix matrix;  // its pointers are set when it is looked at
  int64_t begin, output_of, first, values, data;
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
  const bool windowed = matrix.form == Form::windowed;
  Header header{matrix, 0, 0, 0, 0, 0};
  header.begin = align_up(sizeof(Header));
  header.output_of = header.begin + (gapped || windowed ? align_up((matrix.groups + 1) * 8) : 0);
  header.first = header.output_of + (gapped ? align_up(matrix.groups * kGroup * 4) : 0);
  header.values = header.first + (windowed ? align_up(matrix.blocks * 4) : 0);
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
  matrix.first = part<int32_t>(packed, &Header::first);
  matrix.values = part<float>(packed, &Header::values);
  matrix.data = part<uint8_t>(packed, &Header::data);
  return matrix;
}

int64_t gapped_bytes(int64_t entries, Code code) {
  return entries * block_bytes(code) / (kGroup * steps_of_block(code));
}

int64_t windowed_bytes(int64_t outputs, int64_t inputs, double density, Code code) {
  // Blocks for each weight, of kGroup * kWindowEntries: fitted on random weights of 4 to 25 %.
  const double empty = 2.31 / std::pow(std::max(kWindow * density, 0.05), 1.2);
  const double entries = density * static_cast<double>(inputs) * static_cast<double>(outputs);
  const double blocks = entries * (1 + empty) / (kGroup * kWindowEntries);
  return static_cast<int64_t>(blocks * static_cast<double>(window_block_bytes(code) + 4));
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

WindowedPacker::WindowedPacker(int64_t outputs, int64_t inputs, Code code, bool by_output)
    : outputs_(outputs),
      inputs_(inputs),
      groups_((outputs + kGroup - 1) / kGroup),
      code_(code),
      by_output_(by_output),
      begin_(1),
      lanes_(static_cast<size_t>(by_output ? kGroup : groups_ * kGroup)) {
  if (outputs > INT32_MAX || inputs > INT32_MAX) throw Error(ErrorKind::value, "a huge matrix");
}

// Groups [group_, end).
void WindowedPacker::lay_out(int64_t end) {
  if (end < group_) throw Error(ErrorKind::value, "the outputs do not come in order");
  for (; group_ < end; ++group_) {
    lay_out_group(lanes_.data() + (by_output_ ? 0 : group_ * kGroup), kGroup);
    if (!placed_) begin_.push_back(blocks_);
  }
}

void WindowedPacker::lay_out_group(std::vector<Entry>* lanes, int64_t count) {
  std::vector<size_t> at(static_cast<size_t>(count), 0);
  const int64_t last = std::max<int64_t>(0, inputs_ - kWindow);  // first input of the last window
  for (;; ++blocks_) {
    int64_t first = INT64_MAX;
    for (int64_t l = 0; l < count; ++l) {
      if (at[l] < lanes[l].size()) first = std::min<int64_t>(first, lanes[l][at[l]].input);
    }
    if (first == INT64_MAX) break;
    first = std::min(first, last);
    if (placed_) first_[blocks_] = static_cast<int32_t>(first);
    for (int64_t l = 0; l < count; ++l) {
      for (int e = 0; e < kWindowEntries && at[l] < lanes[l].size(); ++e, ++at[l]) {
        const Entry& entry = lanes[l][at[l]];
        if (entry.input >= first + kWindow) break;
        if (placed_) put_block(first, static_cast<int>(l), e, entry);
      }
    }
  }
  for (int64_t l = 0; l < count; ++l) lanes[l].clear();
}

void WindowedPacker::put_block(int64_t first, int lane, int entry, const Entry& value) {
  uint32_t* words = reinterpret_cast<uint32_t*>(data_ + blocks_ * window_block_bytes(code_));
  const uint32_t code = code_ == Code::f32 ? 0 : value.value;
  const auto offset = static_cast<uint32_t>(value.input - first);
  words[lane] |= (offset | code << kOffsetBits) << (kWindowBits * entry);
  if (code_ == Code::f32) words[(entry + 1) * kGroup + lane] = value.value;
}

void WindowedPacker::place(const float* values, int64_t count) {
  lay_out(groups_);
  Matrix matrix{};
  matrix.form = Form::windowed;
  matrix.code = code_;
  matrix.outputs = outputs_;
  matrix.inputs = inputs_;
  matrix.entries = entries_;
  matrix.group_outputs = kGroup;
  matrix.groups = groups_;
  matrix.blocks = blocks_;
  matrix.bytes = blocks_ * window_block_bytes(code_);
  packed_ = make_buffer(matrix);
  copy_values(packed_, values, count);
  std::transform(begin_.begin(), begin_.end(), part<int64_t>(packed_, &Header::begin),
                 [&](int64_t blocks) { return blocks * window_block_bytes(code_); });
  data_ = part<uint8_t>(packed_, &Header::data);
  first_ = part<int32_t>(packed_, &Header::first);
  placed_ = true;
  group_ = blocks_ = 0;
}

AlignedBuffer WindowedPacker::take() {
  lay_out(groups_);
  return std::move(packed_);
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
