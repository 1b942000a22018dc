// Views: where a tensor's elements are. They own nothing.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "base/inline.h"

namespace fi {

inline constexpr int kMaxRank = 8;

/// A strided N-D view in logical (ONNX) axis order; strides count elements and may be 0 (broadcast)
/// or negative.
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::f32;
  int rank = 0;
  int64_t shape[kMaxRank] = {};
  int64_t stride[kMaxRank] = {};
};

/// An NHWC activation: channels are contiguous; the pixel, row and batch strides (in elements) may
/// exceed what the shape needs, so a channel slice of a wider tensor is an Image too.
template <class T>
struct Image {
  T* data = nullptr;
  int64_t batch = 0, height = 0, width = 0, channels = 0;
  int64_t batch_stride = 0, row_stride = 0, pixel_stride = 0;

  FI_INLINE T* pixel(int64_t n, int64_t y, int64_t x) const {
    return data + n * batch_stride + y * row_stride + x * pixel_stride;
  }
};

/// A planar (NCHW) activation: the pixels of a row are contiguous; the other strides (in elements)
/// may exceed what the shape needs.
template <class T>
struct Planes {
  T* data = nullptr;
  int64_t batch = 0, channels = 0, height = 0, width = 0;
  int64_t batch_stride = 0, plane_stride = 0, row_stride = 0;

  FI_INLINE T* row(int64_t n, int64_t c, int64_t y) const {
    return data + n * batch_stride + c * plane_stride + y * row_stride;
  }
  /// Whether the pixels of a plane are one run.
  FI_INLINE bool rows_join() const { return height <= 1 || row_stride == width; }
};

/// Rows [begin, end) of each of the images [batch_begin, batch_end): the part of an output that one
/// call computes.
struct RowRange {
  int64_t batch_begin = 0, batch_end = 0;
  int64_t begin = 0, end = 0;
};

}  // namespace fi
