// The im2col contract: a convolution's input as a matrix, explicit (a copy) or implicit (a table of
// offsets).
//
//   lowered(p, (i * kernel_w + j) * channels + c) = input(n, y, x, c), or the pad value outside the
//   input p = (n * out_height + oy) * out_width + ox y = oy * stride_h - pad_top + i * dilation_h,
//   x = ox * stride_w - pad_left + j * dilation_w
//
// so that dst(p, o) = lowered(p, :) . weight(:, o) is the convolution. A group of channels is a
// channel slice.
#pragma once

#include <cstdint>

#include "base/features.h"
#include "base/view.h"
#include "base/window.h"
#include "kernels/kernel.h"

namespace fi::im2col {

struct Lowering {
  Image<const float> input;
  Window window;
  int64_t out_height, out_width;
  float pad_value = 0;

  FI_INLINE int64_t rows() const { return input.batch * out_height * out_width; }
  FI_INLINE int64_t columns() const { return window.taps() * input.channels; }
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  /// Writes rows [begin, end) of the lowered matrix: row p at dst + (p - begin) * dst_stride (in
  /// elements).
  void (*run)(const Lowering& lowering, int64_t begin, int64_t end, float* dst, int64_t dst_stride);
};

/// The table: every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();

/// The row that plan should take: the best tier that is usable.
const Kernel* best_row(FeatureMask usable);

/// Implicit im2col: a gemm::OffsetFill. `lowering` is a Lowering; out[t * mr + i] is the byte
/// offset, from the input's data, of the pixel that tap t of row m + i reads, or gemm::kPadRow.
void fill_offsets(const void* lowering, int64_t m, int rows, int mr, int32_t* out);

/// Whether every offset that fill_offsets makes fits 32 bits.
bool offsets_fit(const Lowering& lowering);

/// The reference: the formula above, one element at a time, into a dense matrix.
void reference(const Lowering& lowering, float* dst);

}  // namespace fi::im2col
