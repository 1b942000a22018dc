// Weights to the layouts of codebook.h. A packed weight is one buffer that may be moved: header,
// directory, data.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/buffer.h"
#include "kernels/codebook/codebook.h"

namespace fi::codebook {

/// A packed weight as the kernels see it.
Matrix matrix_of(const AlignedBuffer& packed);

/// Gapped form, in two passes over the weights that are there (in any order of outputs, but inputs
/// ascending in each):
///
///   for each: packer.count(output, input);
///   packer.place(values, count);
///   for each: packer.put(output, input, code);   // or put_value
class GappedPacker {
 public:
  GappedPacker(int64_t outputs, int64_t inputs, Code code);

  void count(int64_t output, int64_t input) {
    Cursor& at = cursors_[static_cast<size_t>(output)];
    at.slots += slots_for(input - at.input);
    at.input = input;
    ++entries_;
  }
  /// values: entry 0 must be 0. None for f32.
  void place(const float* values, int64_t count);
  /// code: not 0.
  void put(int64_t output, int64_t input, int code) {
    uint8_t* slot = next(output, input);
    const int shift = code_ == Code::c4 ? 4 * odd_ : 0;
    slot[0] = static_cast<uint8_t>(slot[0] | code << shift);
  }
  /// value: not 0.
  void put_value(int64_t output, int64_t input, float value);
  AlignedBuffer take() { return std::move(packed_); }

 private:
  struct Cursor {
    int64_t input = 0;  // of the weight before
    int64_t slots = 0;  // counted; then: filled
    int64_t base = 0;   // of the group's data
    int lane = 0;
  };
  static constexpr int64_t kMaxGap = 255;
  static int64_t slots_for(int64_t gap) {
    return gap <= kMaxGap ? 1 : (gap + kMaxGap - 1) / kMaxGap;
  }

  uint8_t* next(int64_t output, int64_t input);
  uint8_t* slot(Cursor& at, int64_t gap);
  void sort_outputs();

  int64_t outputs_, inputs_, entries_ = 0;
  Code code_;
  int odd_ = 0;                  // c4: whether the slot is a second step's
  std::vector<Cursor> cursors_;  // by output
  std::vector<int64_t> order_;   // outputs, the longest first
  AlignedBuffer packed_;
  uint8_t* data_ = nullptr;
};

/// Windowed form, by the same two passes. by_output: outputs come one after another, so that only
/// one group's weights are held at a time; otherwise all are.
class WindowedPacker {
 public:
  WindowedPacker(int64_t outputs, int64_t inputs, Code code, bool by_output);

  void count(int64_t output, int64_t input) { add(output, input, 0); }
  /// values: entry 0 must be 0. None for f32.
  void place(const float* values, int64_t count);
  /// code: not 0.
  void put(int64_t output, int64_t input, int code) {
    add(output, input, static_cast<uint32_t>(code));
  }
  /// value: not 0.
  void put_value(int64_t output, int64_t input, float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    add(output, input, bits);
  }
  AlignedBuffer take();

 private:
  struct Entry {
    int32_t input;
    uint32_t value;  // or code
  };
  void add(int64_t output, int64_t input, uint32_t value) {
    if (by_output_ && output / kGroup != group_) lay_out(output / kGroup);
    lanes_[static_cast<size_t>(by_output_ ? output % kGroup : output)].push_back(
        {static_cast<int32_t>(input), value});
    ++entries_;
  }
  void lay_out(int64_t end);
  void lay_out_group(std::vector<Entry>* lanes, int64_t count);
  void put_block(int64_t first, int lane, int entry, const Entry& value);

  int64_t outputs_, inputs_, groups_;
  Code code_;
  bool by_output_, placed_ = false;
  int64_t group_ = 0;  // that is laid out next
  int64_t blocks_ = 0, entries_ = 0;
  std::vector<int64_t> begin_;             // blocks before each group
  std::vector<std::vector<Entry>> lanes_;  // of one group, or of all
  AlignedBuffer packed_;
  uint8_t* data_ = nullptr;
  int32_t* first_ = nullptr;
};

/// Coded form: put every weight once; those left out have code 0.
class CodedPacker {
 public:
  CodedPacker(int64_t outputs, int64_t inputs, Code code, int group_outputs, const float* values,
              int64_t count);

  /// code: s8 in two's complement.
  void put(int64_t output, int64_t input, int code) {
    const int64_t step = code_ == Code::c4 ? input / 2 : input;
    const int shift = code_ == Code::c4 ? static_cast<int>(input % 2) * 4 : 0;
    uint8_t& at = data_[(output / width_ * steps_ + step) * width_ + output % width_];
    at = static_cast<uint8_t>(at | (code & 255) << shift);
  }
  AlignedBuffer take() { return std::move(packed_); }

 private:
  Code code_;
  int64_t width_, steps_;
  AlignedBuffer packed_;
  uint8_t* data_;
};

/// Bytes of data that `entries` weights take, filling aside.
int64_t gapped_bytes(int64_t entries, Code code);
/// density: of weights at random places.
int64_t windowed_bytes(int64_t outputs, int64_t inputs, double density, Code code);
int64_t coded_bytes(int64_t outputs, int64_t inputs, Code code);

}  // namespace fi::codebook
