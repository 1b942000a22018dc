// Where an output pixel's window lies on the input.
#pragma once

#include <cstdint>

#include "base/inline.h"
#include "kernels/im2col/im2col.h"

namespace fi::im2col {

/// Taps [begin, end) of one axis are inside the input; the others are padding.
struct Taps {
  int64_t begin, end;
};

/// The taps t of [0, kernel) with 0 <= start + t * dilation < size.
FI_INLINE Taps valid_taps(int64_t start, int64_t dilation, int64_t kernel, int64_t size) {
  int64_t begin = start < 0 ? (-start + dilation - 1) / dilation : 0;
  int64_t end = start < size ? (size - start + dilation - 1) / dilation : 0;
  end = end < kernel ? end : kernel;
  begin = begin < end ? begin : end;
  return {begin, end};
}

/// The output pixels in order: n, then oy, then ox.
struct Position {
  int64_t n, oy, ox;

  static FI_INLINE Position at(const Lowering& lowering, int64_t p) {
    const int64_t row = p / lowering.out_width;
    return {row / lowering.out_height, row % lowering.out_height, p % lowering.out_width};
  }
  FI_INLINE void next(const Lowering& lowering) {
    if (++ox < lowering.out_width) return;
    ox = 0;
    if (++oy < lowering.out_height) return;
    oy = 0;
    ++n;
  }
  FI_INLINE int64_t top(const Window& window) const {
    return oy * window.stride_h - window.pad_top;
  }
  FI_INLINE int64_t left(const Window& window) const {
    return ox * window.stride_w - window.pad_left;
  }
};

}  // namespace fi::im2col
