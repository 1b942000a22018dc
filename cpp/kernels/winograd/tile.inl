// One tile's transforms, a vector of channels at a time: columns first, into a patch on the stack,
// then rows. Loops that need no unrolling stay loops, so that addresses stay few. Include after
// FI_VEC_H.
#pragma once

#include "kernels/winograd/transforms.inl"
#include "kernels/winograd/winograd.h"
#include "simd/activation.inl"

namespace fi::winograd {
namespace {

/// Positions [begin, end) of a patch are valid.
struct Span {
  int begin, end;
  FI_INLINE bool holds(int i) const { return i >= begin && i < end; }
};

/// The i of [0, count) with begin <= start + i < end.
FI_INLINE Span inside(int64_t start, int count, int64_t begin, int64_t end) {
  const int64_t low = begin - start, high = end - start;
  Span span;
  span.begin = low < 0 ? 0 : low > count ? count : static_cast<int>(low);
  span.end = high < span.begin ? span.begin : high > count ? count : static_cast<int>(high);
  return span;
}

/// A tile: the patch of pixels that it reads or writes, and its points. Strides in elements.
struct Patch {
  int64_t pixel, row_stride, pixel_stride;  // of the patch's first pixel, which may not exist
  Span rows, columns;                       // those that do
  float* points;
  int64_t point_stride;
};

FI_INLINE f32v load_lanes(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load_n(p, lanes);
}
FI_INLINE void store_lanes(float* p, f32v x, int lanes) {
  if (lanes == kLanes) {
    store(p, x);
  } else {
    store_n(p, x, lanes);
  }
}

/// points <- B^T d B, for `lanes` channels of the patch at x; pixels that do not exist are zero.
template <int m, bool checked>
FI_INLINE void transform_input(const Patch& patch, const float* x, float* points, int lanes) {
  constexpr int t = m + 2;
  f32v columns[t][t];
  const float* column = x + patch.pixel;
#pragma GCC unroll 1
  for (int j = 0; j < t; ++j, column += patch.pixel_stride) {
    f32v d[t];
    const float* next = column;
#pragma GCC unroll 8
    for (int i = 0; i < t; ++i, next += patch.row_stride) {
      if (checked) {
        const bool exists = patch.rows.holds(i) && patch.columns.holds(j);
        d[i] = exists ? load_lanes(next, lanes) : zero();
      } else {
        d[i] = load(next);
      }
    }
    Transform<m>::input(d);
#pragma GCC unroll 8
    for (int i = 0; i < t; ++i) columns[i][j] = d[i];
  }
#pragma GCC unroll 1
  for (int i = 0; i < t; ++i) {
    f32v d[t];
#pragma GCC unroll 8
    for (int j = 0; j < t; ++j) d[j] = columns[i][j];
    Transform<m>::input(d);
#pragma GCC unroll 8
    for (int j = 0; j < t; ++j, points += patch.point_stride) store(points, d[j]);
  }
}

/// What an output goes through: y = activation(sum + bias + residual).
struct Epilogue {
  const float* bias;      // of the tile's first channel, or null
  const float* residual;  // of the patch's first pixel
  int64_t residual_row, residual_pixel;
  Activation activation;
};

/// y <- epilogue(A^T points A), for `lanes` channels from the c-th.
template <int m, bool checked>
FI_INLINE void transform_output(const Patch& patch, const Epilogue& epilogue, float* y, int64_t c,
                                int lanes) {
  constexpr int t = m + 2;
  f32v columns[m][t];
  const float* column = patch.points + c;
#pragma GCC unroll 1
  for (int j = 0; j < t; ++j, column += patch.point_stride) {
    f32v v[t], out[m];
    const float* next = column;
#pragma GCC unroll 8
    for (int i = 0; i < t; ++i, next += t * patch.point_stride)
      v[i] = checked ? load_lanes(next, lanes) : load(next);
    Transform<m>::output(v, out);
#pragma GCC unroll 8
    for (int i = 0; i < m; ++i) columns[i][j] = out[i];
  }
  const f32v bias = epilogue.bias ? load_lanes(epilogue.bias + c, lanes) : zero();
  float* row = y + patch.pixel + c;
  const float* residual = epilogue.residual ? epilogue.residual + c : nullptr;
  const int first = checked ? patch.rows.begin : 0, last = checked ? patch.rows.end : m;
#pragma GCC unroll 1
  for (int i = first; i < last; ++i) {
    f32v v[t], out[m];
#pragma GCC unroll 8
    for (int j = 0; j < t; ++j) v[j] = columns[i][j];
    Transform<m>::output(v, out);
    float* next = row + i * patch.row_stride;
    const float* more = residual ? residual + i * epilogue.residual_row : nullptr;
#pragma GCC unroll 8
    for (int j = 0; j < m; ++j) {
      if (checked && !patch.columns.holds(j)) break;
      f32v sum = add(out[j], bias);
      if (more) sum = add(sum, load_lanes(more + j * epilogue.residual_pixel, lanes));
      sum = activate(sum, epilogue.activation);
      store_lanes(next, sum, checked ? lanes : kLanes);
      next += patch.pixel_stride;
    }
  }
}

}  // namespace
}  // namespace fi::winograd
