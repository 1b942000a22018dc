// The loops over output rows: which taps of a window lie inside the image, and the longest run of
// pixels whose taps all do.
#include <algorithm>
#include <limits>

#include "kernels/pool/pool.h"

namespace fi::pool {
namespace {

/// The taps of output position `out` along one axis: their number inside the image, the first one's
/// position, and their number inside the padded image.
struct AxisTaps {
  int64_t first, count, padded;
};

/// Taps t of [0, kernel) with low <= start + t * dilation < high.
int64_t taps_below(int64_t start, int64_t dilation, int64_t kernel, int64_t limit) {
  if (start >= limit) return 0;
  return std::min(kernel, (limit - start + dilation - 1) / dilation);
}

AxisTaps axis_taps(int64_t out, int64_t stride, int64_t pad, int64_t dilation, int64_t kernel,
                   int64_t size, int64_t pad_end) {
  const int64_t start = out * stride - pad;
  const int64_t skipped = taps_below(start, dilation, kernel, 0);
  const int64_t end = taps_below(start, dilation, kernel, size);
  return {start + skipped * dilation, end - skipped,
          taps_below(start, dilation, kernel, size + pad_end)};
}

float divisor_of(const Pool2d& pool, const AxisTaps& y, const AxisTaps& x) {
  return static_cast<float>(pool.count_include_pad ? y.padded * x.padded : y.count * x.count);
}

void fill(const Pool2d& pool, float* dst, int64_t channels) {
  const float empty = pool.kind == PoolKind::max ? -std::numeric_limits<float>::infinity() : 0.0f;
  std::fill_n(dst, channels, empty);
}

/// One row of the output.
class RowRun {
 public:
  RowRun(const Kernel& kernel, const Pool2d& pool, const Image<const float>& src,
         const Image<float>& dst)
      : kernel_(kernel), pool_(pool), src_(src), dst_(dst) {
    const Window& w = pool.window;
    // Columns [inside_begin_, inside_end_) have all their taps inside the image.
    const int64_t last = src.width - 1 - (w.kernel_w - 1) * int64_t{w.dilation_w} + w.pad_left;
    inside_begin_ = std::min<int64_t>((w.pad_left + w.stride_w - 1) / w.stride_w, dst.width);
    inside_end_ = last < 0 ? 0 : std::min<int64_t>(last / w.stride_w + 1, dst.width);
    inside_end_ = std::max(inside_end_, inside_begin_);
  }

  void operator()(int64_t n, int64_t oy) const {
    const Window& w = pool_.window;
    const AxisTaps y = axis_taps(oy, w.stride_h, w.pad_top, w.dilation_h, w.kernel_h, src_.height,
                                 pool_.pad_bottom);
    for (int64_t ox = 0; ox < inside_begin_; ++ox) pixels(n, oy, ox, 1, y);
    if (inside_end_ > inside_begin_) pixels(n, oy, inside_begin_, inside_end_ - inside_begin_, y);
    for (int64_t ox = inside_end_; ox < dst_.width; ++ox) pixels(n, oy, ox, 1, y);
  }

 private:
  /// `count` pixels from ox on, which have as many taps each.
  void pixels(int64_t n, int64_t oy, int64_t ox, int64_t count, const AxisTaps& y) const {
    const Window& w = pool_.window;
    const AxisTaps x = axis_taps(ox, w.stride_w, w.pad_left, w.dilation_w, w.kernel_w, src_.width,
                                 pool_.pad_right);
    float* dst = dst_.pixel(n, oy, ox);
    if (y.count <= 0 || x.count <= 0) {
      for (int64_t i = 0; i < count; ++i) fill(pool_, dst + i * dst_.pixel_stride, dst_.channels);
      return;
    }
    kernel_.run({
        .src = src_.pixel(n, y.first, x.first),
        .tap_row = w.dilation_h * src_.row_stride,
        .tap_col = w.dilation_w * src_.pixel_stride,
        .src_step = w.stride_w * src_.pixel_stride,
        .dst = dst,
        .dst_step = dst_.pixel_stride,
        .rows = static_cast<int32_t>(y.count),
        .cols = static_cast<int32_t>(x.count),
        .pixels = count,
        .channels = dst_.channels,
        .divisor = divisor_of(pool_, y, x),
        .p = pool_.p,
    });
  }

  const Kernel& kernel_;
  const Pool2d& pool_;
  const Image<const float>& src_;
  const Image<float>& dst_;
  int64_t inside_begin_, inside_end_;
};

}  // namespace

void run(const Kernel& kernel, const Pool2d& pool, const Image<const float>& src,
         const Image<float>& dst, const RowRange& rows) {
  const RowRun row(kernel, pool, src, dst);
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t y = rows.begin; y < rows.end; ++y) row(n, y);
  }
}

}  // namespace fi::pool
