// The rows of the resize room. An output pixel is a weighted sum of source pixels, separable into
// the taps of its row and the taps of its column:
//
//   dst(y, x, c) = sum_i row_weight(i) * sum_j weight(j) * src(row(i), column(j), c)
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace fi::resize {

/// Output position x has the taps [begin[x], begin[x + 1]) of index and weight; none: it lies
/// outside the source.
struct Taps {
  const int32_t* begin;  // [outputs + 1]
  const int32_t* index;  // source positions, inside the source
  const float* weight;   // never 0; sums to 1
};

/// One output row.
struct RowSpan {
  const float* src;  // the image
  int64_t row_stride, pixel_stride;
  const int32_t* row;  // taps of this row: source rows and their weights
  const float* row_weight;
  int32_t rows;  // 0: the row lies outside
  Taps columns;
  float* dst;
  int64_t dst_pixel_stride;
  int64_t width, channels;
  float outside;  // value of pixels without taps
};

/// nearest copies (at most one tap, of weight 1); taps sums any number of them.
enum class Function : uint8_t { nearest, taps };
struct Kernel {
  KernelInfo info;
  Function function;
  void (*run)(const RowSpan&);
};

}  // namespace fi::resize
