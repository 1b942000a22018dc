// The reference: the formula of pool.h, one output at a time in float64.
#include <cmath>
#include <limits>

#include "kernels/pool/pool.h"

namespace fi::pool {
namespace {

struct Sample {
  double sum = 0, lp = 0, maximum = -std::numeric_limits<double>::infinity();
  int64_t inside = 0, padded = 0;

  void take(double x, double p) {
    sum += x;
    lp += std::pow(std::fabs(x), p);
    if (!(x <= maximum)) maximum = std::isnan(maximum) ? maximum : x;
    ++inside;
  }
};

double result(const Pool2d& pool, const Sample& s) {
  if (pool.kind == PoolKind::max) return s.maximum;
  if (s.inside == 0) return 0;
  if (pool.kind == PoolKind::lp) return std::pow(s.lp, 1.0 / pool.p);
  return s.sum / static_cast<double>(pool.count_include_pad ? s.padded : s.inside);
}

double at(const Pool2d& pool, const Image<const double>& src, int64_t n, int64_t oy, int64_t ox,
          int64_t c) {
  const Window& w = pool.window;
  Sample sample;
  for (int64_t i = 0; i < w.kernel_h; ++i) {
    for (int64_t j = 0; j < w.kernel_w; ++j) {
      const int64_t y = oy * w.stride_h - w.pad_top + i * w.dilation_h;
      const int64_t x = ox * w.stride_w - w.pad_left + j * w.dilation_w;
      if (y < src.height + pool.pad_bottom && x < src.width + pool.pad_right) ++sample.padded;
      if (y < 0 || x < 0 || y >= src.height || x >= src.width) continue;
      sample.take(src.pixel(n, y, x)[c], pool.p);
    }
  }
  return result(pool, sample);
}

}  // namespace

void reference(const Pool2d& pool, const Image<const double>& src, const Image<double>& dst) {
  for (int64_t n = 0; n < dst.batch; ++n) {
    for (int64_t y = 0; y < dst.height; ++y) {
      for (int64_t x = 0; x < dst.width; ++x) {
        for (int64_t c = 0; c < dst.channels; ++c)
          dst.pixel(n, y, x)[c] = at(pool, src, n, y, x, c);
      }
    }
  }
}

}  // namespace fi::pool
