// The loops of planar pooling: strips of lines, folded down and then across.
#include "kernels/pool/planes.h"

#include <algorithm>
#include <limits>

#include "kernels/pool/taps.h"

namespace fi::pool {
namespace {

constexpr int64_t kStripFloats = 4096;  // half of a small L1
constexpr int64_t kMostLineFloats = 1 << 20;

float neutral(PoolKind kind) {
  return kind == PoolKind::max ? -std::numeric_limits<float>::infinity() : 0.0f;
}

/// What divides the sum over an axis; without taps, the sum is 0.
float divisor(const Pool2d& pool, const AxisTaps& taps) {
  return static_cast<float>(
      std::max<int64_t>(pool.count_include_pad ? taps.padded : taps.count, 1));
}

class PlanesRun {
 public:
  PlanesRun(const Kernel& kernel, const Pool2d& pool, const Planes<const float>& src,
            const Planes<float>& dst, float* scratch)
      : kernel_(kernel),
        pool_(pool),
        src_(src),
        dst_(dst),
        strip_(strip_of(pool, src.width, dst.height, dst.width)),
        down_(rows_of(pool, src.height, dst.height)),
        inside_(inside_of(down_)),
        divisors_(scratch),
        lines_(scratch + strip_.pixels) {
    const Axis right = columns_of(pool, src.width, dst.width);
    for (int64_t x = 0; x < strip_.pixels; ++x) {
      divisors_[x] = x < dst.width ? divisor(pool, axis_taps(right, x)) : 1.0f;
    }
    std::fill_n(lines_, strip_.rows * strip_.line_floats, neutral(pool.kind));
  }

  /// Output rows [begin, end), at most a strip.
  void operator()(int64_t n, int64_t c, int64_t begin, int64_t end) const {
    for (int64_t y = begin; y < end; y = alike(y, end)) {
      if (strip_.columns > 0) fold_down(n, c, y, alike(y, end), line(y - begin));
    }
    for (int64_t y = begin; y < end; y = alike(y, end)) {
      fold_across(n, c, y, alike(y, end), line(y - begin));
    }
  }
  int64_t strip_rows() const { return strip_.rows; }

 private:
  float* line(int64_t row) const { return lines_ + row * strip_.line_floats; }

  /// The end of the rows from y on that have as many taps.
  int64_t alike(int64_t y, int64_t end) const {
    return y >= inside_.begin && y < inside_.end ? std::min(inside_.end, end) : y + 1;
  }

  void fold_down(int64_t n, int64_t c, int64_t begin, int64_t end, float* lines) const {
    const Window& w = pool_.window;
    const AxisTaps taps = axis_taps(down_, begin);
    float* to = lines + w.pad_left;
    if (taps.count <= 0) {
      std::fill_n(to, strip_.columns, neutral(pool_.kind));
      return;
    }
    kernel_.down({
        .src = src_.row(n, c, taps.first),
        .src_step = w.stride_h * src_.row_stride,
        .tap = w.dilation_h * src_.row_stride,
        .dst = to,
        .dst_step = strip_.line_floats,
        .lines = end - begin,
        .columns = strip_.columns,
        .taps = static_cast<int32_t>(taps.count),
    });
  }

  void fold_across(int64_t n, int64_t c, int64_t begin, int64_t end, const float* lines) const {
    const Window& w = pool_.window;
    kernel_.across({
        .src = lines,
        .src_step = strip_.line_floats,
        .step = w.stride_w,
        .tap = w.dilation_w,
        .dst = dst_.row(n, c, begin),
        .dst_step = dst_.row_stride,
        .lines = end - begin,
        .pixels = dst_.width,
        .taps = w.kernel_w,
        .divisors = divisors_,
        .rows = divisor(pool_, axis_taps(down_, begin)),
    });
  }

  const Kernel& kernel_;
  const Pool2d& pool_;
  const Planes<const float>& src_;
  const Planes<float>& dst_;
  const Strip strip_;
  const Axis down_;
  const Inside inside_;
  float* const divisors_;
  float* const lines_;
};

}  // namespace

Strip strip_of(const Pool2d& pool, int64_t width, int64_t out_height, int64_t out_width) {
  const Axis right = columns_of(pool, width, out_width);
  Strip strip{};
  strip.pixels = out_width + kLineSlack;
  strip.line_floats = strip.pixels * right.stride + right.reach();
  const int64_t read = (out_width - 1) * right.stride + right.reach() + 1 - right.pad;
  strip.columns = std::clamp<int64_t>(read, 0, width);
  strip.rows = std::clamp<int64_t>(kStripFloats / std::max<int64_t>(strip.line_floats, 1), 1,
                                   std::max<int64_t>(out_height, 1));
  return strip;
}

bool accepts(const Strip& strip) { return strip.line_floats <= kMostLineFloats; }

size_t scratch_bytes(const Strip& strip) {
  return static_cast<size_t>(strip.pixels + strip.rows * strip.line_floats) * sizeof(float);
}

void run_planes(const Kernel& kernel, const Pool2d& pool, const Planes<const float>& src,
                const Planes<float>& dst, const PlanesPart& part, float* scratch) {
  const PlanesRun run(kernel, pool, src, dst, scratch);
  for (int64_t c = part.channel_begin; c < part.channel_end; ++c) {
    for (int64_t y = part.row_begin; y < part.row_end; y += run.strip_rows()) {
      run(part.image, c, y, std::min(y + run.strip_rows(), part.row_end));
    }
  }
}

}  // namespace fi::pool
