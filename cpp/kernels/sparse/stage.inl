// Staging: planes shifted by tap columns and split by strides. Include after FI_VEC_H.
#pragma once

#include "kernels/sparse/sparse.h"
#include "simd/stage.inl"

namespace fi::sparse {
namespace {

void stage_plane(const Staging& s, const float* plane, int64_t left, int64_t phase, float* out) {
  const Window& w = s.window;
  const InsideSpan columns = inside_span(left, w.stride_w, s.out_width, s.input.width);
  int64_t y = s.row_begin * w.stride_h - w.pad_top + phase;
  // Not a row more than taps reach: it may not be there yet.
  const int64_t reach = static_cast<int64_t>(w.kernel_h - 1) * w.dilation_h - phase;
  const int64_t rows = s.rows + reach / w.stride_h;
  for (int64_t r = 0; r < rows; ++r, y += w.stride_h, out += s.pitch) {
    if (y < 0 || y >= s.input.height || columns.begin == columns.end) {
      stage_zeros(out, s.out_width);
    } else {
      stage_row(plane + y * s.input.row_stride, left, w.stride_w, columns, s.out_width, out);
    }
  }
}

void stage(const Staging& s) {
  const Window& w = s.window;
  for (int64_t c = 0; c < s.input.channels; ++c) {
    const float* plane = s.input.data + c * s.input.plane_stride;
    float* out = s.out + c * s.channel_stride;
    for (int64_t kx = 0; kx < w.kernel_w; ++kx) {
      for (int64_t phase = 0; phase < s.phases; ++phase) {
        stage_plane(s, plane, kx * w.dilation_w - w.pad_left, phase, out);
        out += s.plane_rows * s.pitch;
      }
    }
  }
}

}  // namespace
}  // namespace fi::sparse
