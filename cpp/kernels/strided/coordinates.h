// Index tensors: how a tuple of indices becomes a byte offset, checked.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/strided/iterator.h"

namespace fi::strided {

/// Up to kMaxRank coordinates that stand `step` bytes apart in an s64 or s32 tensor.
struct Coordinates {
  int count = 0;
  int64_t step = 0;
  bool wide = true;               // s64
  int64_t limit[kMaxRank] = {};   // the indexed axes' lengths
  int64_t stride[kMaxRank] = {};  // and bytes between their elements

  /// The offset that the tuple at `p` selects; false if a coordinate is out of range.
  bool offset(const char* p, int64_t* out) const {
    int64_t sum = 0;
    for (int c = 0; c < count; ++c, p += step) {
      int64_t i = read(p);
      if (i < -limit[c] || i >= limit[c]) return false;
      if (i < 0) i += limit[c];
      sum += i * stride[c];
    }
    *out = sum;
    return true;
  }

  int64_t read(const char* p) const {
    if (!wide) {
      int32_t i;
      std::memcpy(&i, p, sizeof i);
      return i;
    }
    int64_t i;
    std::memcpy(&i, p, sizeof i);
    return i;
  }
};

/// Coordinates of one component into one axis of data. Throws Error(dtype) unless indices are s64
/// or s32.
Coordinates axis_coordinates(const TensorView& data, const TensorView& indices, int axis,
                             const char* what);
/// Coordinates along the last axis of indices into data's axes from `first` on. Throws Error(shape)
/// if there are too many.
Coordinates tuple_coordinates(const TensorView& data, const TensorView& indices, int first,
                              const char* what);

}  // namespace fi::strided
