// Which taps of a window lie inside the image, along one axis.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/pool/pool.h"

namespace fi::pool {

/// An axis of a window and of the image below it.
struct Axis {
  int64_t kernel, stride, dilation, pad;  // pad: before the image
  int64_t size, pad_end;                  // of the image
  int64_t outputs;

  int64_t reach() const { return (kernel - 1) * dilation; }  // from the first tap to the last
};

inline Axis rows_of(const Pool2d& pool, int64_t height, int64_t out_height) {
  const Window& w = pool.window;
  return {w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, height, pool.pad_bottom, out_height};
}
inline Axis columns_of(const Pool2d& pool, int64_t width, int64_t out_width) {
  const Window& w = pool.window;
  return {w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, width, pool.pad_right, out_width};
}

/// The taps of one output position: their number inside the image, the first one's position, and
/// their number inside the padded image.
struct AxisTaps {
  int64_t first, count, padded;
};

/// Taps t of [0, kernel) with start + t * dilation < limit.
inline int64_t taps_below(const Axis& axis, int64_t start, int64_t limit) {
  if (start >= limit) return 0;
  return std::min(axis.kernel, (limit - start + axis.dilation - 1) / axis.dilation);
}

inline AxisTaps axis_taps(const Axis& axis, int64_t out) {
  const int64_t start = out * axis.stride - axis.pad;
  const int64_t skipped = taps_below(axis, start, 0);
  return {start + skipped * axis.dilation, taps_below(axis, start, axis.size) - skipped,
          taps_below(axis, start, axis.size + axis.pad_end)};
}

/// Outputs [begin, end) have all their taps inside the image.
struct Inside {
  int64_t begin, end;
};
inline Inside inside_of(const Axis& axis) {
  const int64_t last = axis.size - 1 - axis.reach() + axis.pad;
  const int64_t begin = std::min((axis.pad + axis.stride - 1) / axis.stride, axis.outputs);
  const int64_t end = last < 0 ? 0 : std::min(last / axis.stride + 1, axis.outputs);
  return {begin, std::max(begin, end)};
}

}  // namespace fi::pool
