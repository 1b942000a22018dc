// Tiles from pixels to points and back, a vector of channels at a time. Include after FI_VEC_H.
#pragma once

#include "kernels/fft/fft.h"
#include "kernels/fft/spectrum.inl"
#include "simd/activation.inl"

namespace fi::fft {
namespace {

/// Positions [begin, end) of a patch are valid.
struct Span {
  int begin, end;
  FI_INLINE bool holds(int i) const { return i >= begin && i < end; }
};

/// The i of [0, count) with begin <= start + i < end.
FI_INLINE Span inside(int64_t start, int64_t count, int64_t begin, int64_t end) {
  const int64_t low = begin - start, high = end - start;
  Span span;
  span.begin = static_cast<int>(low < 0 ? 0 : low > count ? count : low);
  span.end = static_cast<int>(high < span.begin ? span.begin : high > count ? count : high);
  return span;
}

/// A patch of an image: its first pixel, which may not exist, and the pixels that do.
template <class T>
struct Patch {
  T* image;
  int64_t pixel, row_stride, pixel_stride;
  Span rows, columns;
  FI_INLINE T* at(int y, int x, int64_t c) const {
    return image + (pixel + y * row_stride + x * pixel_stride + c);
  }
};

struct Place {
  int64_t image, y, x;  // of a tile's first output
};
FI_INLINE Place place_of(const Grid& grid, int64_t tile) {
  const int64_t row = tile / grid.columns;
  return {grid.image + row / grid.rows, (grid.row + row % grid.rows) * grid.height,
          tile % grid.columns * grid.width};
}

/// Inputs along one axis that outputs [0, outputs) read: [0, that).
FI_INLINE int64_t reached(int64_t outputs, int64_t extent, int64_t pad, int64_t inputs) {
  const int64_t end = outputs + extent - 1 - pad;
  return end < inputs ? end : inputs;
}

FI_INLINE Patch<const float> input_patch(const Convolution& c, const Place& place, int t) {
  const Image<const float>& x = c.input;
  const int64_t top = place.y - c.pad_top, left = place.x - c.pad_left;
  const int64_t height = reached(c.output.height, c.extent_h, c.pad_top, x.height);
  const int64_t width = reached(c.output.width, c.extent_w, c.pad_left, x.width);
  return {x.data + place.image * x.batch_stride,
          top * x.row_stride + left * x.pixel_stride,
          x.row_stride,
          x.pixel_stride,
          inside(top, t, 0, height),
          inside(left, t, 0, width)};
}

FI_INLINE Patch<float> output_patch(const Convolution& c, const Grid& grid, const Place& place) {
  const Image<float>& y = c.output;
  return {y.data + place.image * y.batch_stride,
          place.y * y.row_stride + place.x * y.pixel_stride,
          y.row_stride,
          y.pixel_stride,
          inside(place.y, grid.height, c.rows.begin, c.rows.end),
          inside(place.x, grid.width, 0, y.width)};
}

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

/// Slots of all rows <- `lanes` channels of the patch from the c-th; pixels that do not exist are
/// zero.
template <int t>
void forward_rows(const Patch<const float>& patch, int64_t c, int lanes, const Work<t>& work) {
  const bool whole = patch.columns.begin == 0 && patch.columns.end == t && lanes == kLanes;
#pragma GCC unroll 1
  for (int y = 0; y < t; ++y) {
    if (!patch.rows.holds(y)) {
      for (int slot = 0; slot < t / 2; ++slot) work.store_slot(y, slot, {zero(), zero()});
    } else if (whole) {
      const float* row = patch.at(y, 0, c);
      forward_row<t>([&](int x) FI_INLINE_LAMBDA { return load(row + x * patch.pixel_stride); },
                     work, y);
    } else {
      f32v pixels[t];
      for (int x = 0; x < t; ++x)
        pixels[x] = patch.columns.holds(x) ? load_lanes(patch.at(y, x, c), lanes) : zero();
      forward_row<t>([&](int x) FI_INLINE_LAMBDA { return pixels[x]; }, work, y);
    }
  }
}

/// `lanes` channels of the outputs from the c-th, y = activation(x + bias + residual), from the
/// slots of their rows.
template <int t>
void inverse_rows(const Convolution& convolution, const Place& place, const Patch<float>& patch,
                  int64_t c, int lanes, const Work<t>& work) {
  const Image<const float>& residual = convolution.residual;
  const f32v bias = convolution.bias ? load_lanes(convolution.bias + c, lanes) : zero();
  for (int y = patch.rows.begin; y < patch.rows.end; ++y) {
    f32v pixels[t];
    inverse_row<t>(work, y, [&](int x, f32v value) FI_INLINE_LAMBDA { pixels[x] = value; });
    const float* more =
        residual.data ? residual.pixel(place.image, place.y + y, place.x) + c : nullptr;
    for (int x = patch.columns.begin; x < patch.columns.end; ++x) {
      f32v sum = add(pixels[x], bias);
      if (more) sum = add(sum, load_lanes(more + x * residual.pixel_stride, lanes));
      store_lanes(patch.at(y, x, c), activate(sum, convolution.activation), lanes);
    }
  }
}

FI_INLINE int lanes_at(int64_t c, int64_t channels) {
  return channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
}

}  // namespace
}  // namespace fi::fft
