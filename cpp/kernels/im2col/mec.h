// MEC, lowering in one direction only (Cho & Brand, MEC: Memory-efficient Convolution for Deep
// Neural Network, ICML 2017, arXiv 1706.06873):
//
//   lowered(ox, r, j * channels + c) = input(n, y, x, c), or the pad value outside the input
//   y = begin * stride_h - pad_top + r,  x = ox * stride_w - pad_left + j * dilation_w
//
// for a strip of output rows [begin, end). Every input row stands in it once, not once for each row
// of the window: row (oy, ox) of im2col's matrix is lowered(ox, (oy - begin) * stride_h + i *
// dilation_h, :) for i in [0, kernel_h), which for dilation_h = 1 is contiguous; neighbouring
// output rows overlap. So im2col's matrix takes about kernel_h / stride_h times more.
#pragma once

#include <cstdint>

#include "kernels/im2col/im2col.h"

namespace fi::im2col {

/// A strip of output rows [begin, end) of one image.
struct Strip {
  Lowering lowering;
  int64_t image, begin, end;

  /// Input rows, padding included.
  int64_t rows() const {
    const Window& w = lowering.window;
    return (end - begin - 1) * w.stride_h + static_cast<int64_t>(w.kernel_h - 1) * w.dilation_h + 1;
  }
  int64_t row() const { return lowering.window.kernel_w * lowering.input.channels; }  // floats
  int64_t pitch() const { return rows() * row(); }  // floats from ox to ox + 1
  int64_t floats() const { return lowering.out_width * pitch(); }
  int64_t pixels() const { return (end - begin) * lowering.out_width; }
};

/// Writes the strip's matrix of strip.floats() floats; rows that no output reads are left alone.
void lower_strip(const Kernel& kernel, const Strip& strip, float* lowered);

/// Taps of the gemm's offset form: the window's rows are one tap where they are neighbours.
int32_t strip_taps(const Window& window);

/// A gemm::OffsetFill over the strip's output pixels, oy by oy: `strip` is a Strip, offsets count
/// from the lowered matrix.
void fill_strip_offsets(const void* strip, int64_t m, int rows, int mr, int32_t* out);

}  // namespace fi::im2col
