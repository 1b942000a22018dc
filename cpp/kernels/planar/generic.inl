// Any window, one plane after the other: a strip of it is first copied to scratch, with its padding
// and split by strides, so that every tap is a plain load. Include after FI_VEC_H.
#pragma once

#include "kernels/planar/target.inl"
#include "simd/stage.inl"

namespace fi::planar {
namespace {

/// What the outputs of one channel have in common.
struct Channel {
  const Window& window;
  const Staged& staged;
  const float* planes;   // staged
  const float* weights;  // [kernel_h][kernel_w]
  f32v bias;

  FI_INLINE const float* plane(int64_t phase_h, int64_t phase_w) const {
    return planes + (phase_h * staged.phases_w + phase_w) * staged.rows * staged.width;
  }
};

/// Output rows [row, row + rows) of a strip.
template <int rows>
FI_INLINE void strip_tile(const Channel& channel, const Target& target, int64_t row,
                          int64_t width) {
  const Window& w = channel.window;
  for (int64_t to = 0; to < width; to += kLanes) {
    f32v sum[rows];
    for (int t = 0; t < rows; ++t) sum[t] = channel.bias;
    const float* weight = channel.weights;
    for (int64_t i = 0; i < w.kernel_h; ++i) {
      const int64_t down = i * w.dilation_h;
      for (int64_t j = 0; j < w.kernel_w; ++j) {
        const int64_t right = j * w.dilation_w;
        const float* p = channel.plane(down % w.stride_h, right % w.stride_w) +
                         (row + down / w.stride_h) * channel.staged.width + to + right / w.stride_w;
        const f32v value = splat(*weight++);
        for (int t = 0; t < rows; ++t)
          sum[t] = fma(load(p + t * channel.staged.width), value, sum[t]);
      }
    }
    const int lanes = width - to < kLanes ? static_cast<int>(width - to) : kLanes;
    for (int t = 0; t < rows; ++t) target.write(row + t, to, lanes, sum[t]);
  }
}

/// What output rows [row, row + rows) of a plane read.
void stage_strip(const Depthwise& convolution, const float* plane, int64_t row, int64_t rows,
                 const Staged& staged, float* out) {
  const Window& w = convolution.window;
  const Planes<const float>& x = convolution.input;
  for (int64_t phase_h = 0; phase_h < staged.phases_h; ++phase_h) {
    // Not a row more than taps reach: it may not be there yet.
    const int64_t reach = static_cast<int64_t>(w.kernel_h - 1) * w.dilation_h - phase_h;
    const int64_t count = rows + reach / w.stride_h;
    for (int64_t phase_w = 0; phase_w < staged.phases_w; ++phase_w) {
      const int64_t left = phase_w - w.pad_left;
      const InsideSpan columns = inside_span(left, w.stride_w, staged.width, x.width);
      float* to = out + (phase_h * staged.phases_w + phase_w) * staged.rows * staged.width;
      int64_t y = row * w.stride_h - w.pad_top + phase_h;
      for (int64_t r = 0; r < count; ++r, y += w.stride_h, to += staged.width) {
        if (y < 0 || y >= x.height || columns.begin == columns.end) {
          stage_zeros(to, staged.width);
        } else {
          stage_row(plane + y * x.row_stride, left, w.stride_w, columns, staged.width, to);
        }
      }
    }
  }
}

/// The strips of a part, plane by plane.
struct Strips {
  const Depthwise& convolution;
  const Part& part;
  const Staged& staged;
  int64_t per_plane;

  FI_INLINE Strips(const Depthwise& c, const Part& p, const Staged& s)
      : convolution(c),
        part(p),
        staged(s),
        per_plane((p.row_end - p.row_begin + s.strip_rows - 1) / s.strip_rows) {}
  FI_INLINE int64_t count() const { return (part.channel_end - part.channel_begin) * per_plane; }
  FI_INLINE int64_t channel(int64_t i) const { return part.channel_begin + i / per_plane; }
  FI_INLINE int64_t begin(int64_t i) const {
    return part.row_begin + i % per_plane * staged.strip_rows;
  }
  FI_INLINE int64_t rows(int64_t i) const {
    const int64_t left = part.row_end - begin(i);
    return left < staged.strip_rows ? left : staged.strip_rows;
  }
  void stage(int64_t i, float* out) const {
    const float* plane = convolution.input.row(part.image, channel(i) / convolution.multiplier, 0);
    stage_strip(convolution, plane, begin(i), rows(i), staged, out);
  }
};

FI_INLINE void convolve(const Strips& strips, int64_t i, const float* planes) {
  const Depthwise& convolution = strips.convolution;
  const int64_t c = strips.channel(i), rows = strips.rows(i), width = convolution.output.width;
  const Channel channel{convolution.window, strips.staged, planes,
                        convolution.weights + c * convolution.window.taps(),
                        splat(convolution.bias ? convolution.bias[c] : 0.0f)};
  const Target target(convolution, strips.part.image, c, strips.begin(i));
  constexpr int kTogether = 4;
  int64_t row = 0;
  for (; row + kTogether <= rows; row += kTogether)
    strip_tile<kTogether>(channel, target, row, width);
  for (; row < rows; ++row) strip_tile<1>(channel, target, row, width);
}

/// Each strip is staged before the one in front of it is convolved: loads that straddle stores have
/// to wait until these are done.
void run_generic(const Depthwise& convolution, const Part& part, const Staged& staged,
                 float* scratch) {
  const Strips strips(convolution, part, staged);
  const int64_t count = strips.count();
  const auto slot = [&](int64_t i) { return scratch + i % 2 * staged.slot_floats; };
  if (count > 0) strips.stage(0, slot(0));
  for (int64_t i = 0; i < count; ++i) {
    if (i + 1 < count) strips.stage(i + 1, slot(i + 1));
    convolve(strips, i, slot(i));
  }
}

}  // namespace
}  // namespace fi::planar
