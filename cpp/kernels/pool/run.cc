// The loops over output rows: which taps of a window lie inside the image, and the longest run of
// pixels whose taps all do.
#include <algorithm>
#include <limits>

#include "kernels/pool/pool.h"
#include "kernels/pool/taps.h"

namespace fi::pool {
namespace {

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
      : kernel_(kernel),
        pool_(pool),
        src_(src),
        dst_(dst),
        down_(rows_of(pool, src.height, dst.height)),
        right_(columns_of(pool, src.width, dst.width)),
        inside_(inside_of(right_)) {}

  void operator()(int64_t n, int64_t oy) const {
    const AxisTaps y = axis_taps(down_, oy);
    for (int64_t ox = 0; ox < inside_.begin; ++ox) pixels(n, oy, ox, 1, y);
    if (inside_.end > inside_.begin) pixels(n, oy, inside_.begin, inside_.end - inside_.begin, y);
    for (int64_t ox = inside_.end; ox < dst_.width; ++ox) pixels(n, oy, ox, 1, y);
  }

 private:
  /// `count` pixels from ox on, which have as many taps each.
  void pixels(int64_t n, int64_t oy, int64_t ox, int64_t count, const AxisTaps& y) const {
    const Window& w = pool_.window;
    const AxisTaps x = axis_taps(right_, ox);
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
  const Axis down_, right_;
  const Inside inside_;
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
