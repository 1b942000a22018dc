// Pooling over f32 images, NHWC vectorised over channels, or planar over pixels (planes.h):
//
//   max      dst(y, x, c) = max over taps of src(y * stride_h - pad_top + i * dilation_h, ..., c)
//   average  the sum over taps divided by their number (all taps inside the padded image if
//            count_include_pad, taps inside the image otherwise)
//   lp       (sum over taps of |src|^p)^(1/p)
//
// Only taps inside the image are read. The size of dst decides how many windows there are, so
// ceil_mode needs nothing here: windows that hang over the padded image count only the taps inside
// it (ONNX opset 19, onnxruntime). A window without any tap gives -inf (max) or 0. NaN propagates.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/features.h"
#include "base/view.h"
#include "base/window.h"
#include "kernels/kernel.h"

namespace fi::pool {

enum class PoolKind : uint8_t { max, average, lp };

struct Pool2d {
  PoolKind kind = PoolKind::max;
  Window window;
  int32_t pad_bottom = 0, pad_right = 0;
  bool count_include_pad = false;  // average
  float p = 2;                     // lp
};

/// One call of a micro-kernel: `pixels` neighbours of an output row that have the same rows x cols
/// taps.
struct Span {
  const float* src;          // the first tap of the first pixel
  int64_t tap_row, tap_col;  // elements from tap to tap
  int64_t src_step;          // elements from the first tap of a pixel to that of the next
  float* dst;
  int64_t dst_step;
  int32_t rows, cols;  // taps, each >= 1
  int64_t pixels, channels;
  float divisor;  // average
  float p;        // lp
};
using MicroKernel = void (*)(const Span&);

struct Down;  // planes.h
struct Across;
using DownKernel = void (*)(const Down&);
using AcrossKernel = void (*)(const Across&);

/// A row of the table: of NHWC images `run`, of planar ones the other two.
struct Kernel {
  KernelInfo info;
  PoolKind kind;
  MicroKernel run;
  DownKernel down;
  AcrossKernel across;
};

/// Every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();

/// The best row for `kind` that a CPU with these features can run; never null but for planar lp.
const Kernel* find(PoolKind kind, FeatureMask features, bool planar = false);

/// Computes these output rows on the calling thread; needs no scratch. src and dst may be channel
/// slices.
void run(const Kernel& kernel, const Pool2d& pool, const Image<const float>& src,
         const Image<float>& dst, const RowRange& rows);

/// Global pooling: dst(n, c) over all pixels of image n, in two stages, so that threads may divide
/// large images without changing a bit of the result: the partial results of each chunk of rows,
/// then the combination of an image's chunks in order.
struct GlobalPool {
  const Kernel* kernel;  // kind: max or average
  Image<const float> src;
  float* dst;                // (N, C)
  int64_t dst_batch_stride;  // elements
};
/// Chunks that each image is cut into: a function of its shape alone, at least 1.
int64_t global_chunks(int64_t height, int64_t width, int64_t channels);
/// Tasks [begin, end) of batch * global_chunks; partial: floats [batch * global_chunks][channels].
void global_partial(const GlobalPool& pool, float* partial, int64_t begin, int64_t end);
/// Images [begin, end) once all their chunks are there.
void global_finish(const GlobalPool& pool, const float* partial, int64_t begin, int64_t end);

/// The reference: the formula in float64 over dense NHWC arrays.
void reference(const Pool2d& pool, const Image<const double>& src, const Image<double>& dst);

}  // namespace fi::pool
