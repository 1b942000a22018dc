// One output row: every pixel a weighted sum of source pixels, vectorised over channels.
#include FI_VEC_H
#include "kernels/name.h"
#include "kernels/resize/kernel.h"

namespace fi::resize {
namespace {

/// Calls f(c, load, store) for each vector of channels, the last one masked.
template <class F>
FI_INLINE void for_vectors(int64_t channels, F&& f) {
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    f(
        c, [](const float* p) FI_INLINE_LAMBDA { return load(p); },
        [](float* p, f32v v) FI_INLINE_LAMBDA { store(p, v); });
  }
  if (const int n = static_cast<int>(channels - c); n > 0) {
    f(
        c, [n](const float* p) FI_INLINE_LAMBDA { return load_n(p, n); },
        [n](float* p, f32v v) FI_INLINE_LAMBDA { store_n(p, v, n); });
  }
}

void fill(float* dst, int64_t channels, float value) {
  for (int64_t c = 0; c < channels; ++c) dst[c] = value;
}

void copy(const float* src, float* dst, int64_t channels) {
  for_vectors(channels,
              [=](int64_t c, auto get, auto put) FI_INLINE_LAMBDA { put(dst + c, get(src + c)); });
}

void nearest(const RowSpan& s) {
  for (int64_t x = 0; x < s.width; ++x) {
    float* dst = s.dst + x * s.dst_pixel_stride;
    const int32_t tap = s.columns.begin[x];
    if (s.rows == 0 || s.columns.begin[x + 1] == tap) {
      fill(dst, s.channels, s.outside);
    } else {
      copy(s.src + s.row[0] * s.row_stride + s.columns.index[tap] * s.pixel_stride, dst,
           s.channels);
    }
  }
}

/// Taps of one pixel.
struct Pixel {
  const int32_t* index;
  const float* weight;
  int32_t count;
};

/// Any number of taps.
FI_INLINE void weighted_sum(const RowSpan& s, const Pixel& pixel, float* dst) {
  for_vectors(s.channels, [&](int64_t c, auto get, auto put) FI_INLINE_LAMBDA {
    f32v sum = zero();
    for (int32_t i = 0; i < s.rows; ++i) {
      const float* row = s.src + s.row[i] * s.row_stride + c;
      f32v row_sum = zero();
      for (int32_t j = 0; j < pixel.count; ++j) {
        row_sum = fma(splat(pixel.weight[j]), get(row + pixel.index[j] * s.pixel_stride), row_sum);
      }
      sum = fma(splat(s.row_weight[i]), row_sum, sum);
    }
    put(dst + c, sum);
  });
}

/// The common case of linear: two rows, two columns.
FI_INLINE void bilinear(const RowSpan& s, const Pixel& pixel, float* dst) {
  const float* top = s.src + s.row[0] * s.row_stride;
  const float* bottom = s.src + s.row[1] * s.row_stride;
  const int64_t left = pixel.index[0] * s.pixel_stride, right = pixel.index[1] * s.pixel_stride;
  const f32v wl = splat(pixel.weight[0]), wr = splat(pixel.weight[1]);
  const f32v wt = splat(s.row_weight[0]), wb = splat(s.row_weight[1]);
  for_vectors(s.channels, [=](int64_t c, auto get, auto put) FI_INLINE_LAMBDA {
    const f32v upper = fma(wr, get(top + right + c), mul(wl, get(top + left + c)));
    const f32v lower = fma(wr, get(bottom + right + c), mul(wl, get(bottom + left + c)));
    put(dst + c, fma(wb, lower, mul(wt, upper)));
  });
}

void taps(const RowSpan& s) {
  for (int64_t x = 0; x < s.width; ++x) {
    float* dst = s.dst + x * s.dst_pixel_stride;
    const int32_t begin = s.columns.begin[x], count = s.columns.begin[x + 1] - begin;
    const Pixel pixel = {s.columns.index + begin, s.columns.weight + begin, count};
    if (s.rows == 0 || count == 0) {
      fill(dst, s.channels, s.outside);
    } else if (s.rows == 2 && count == 2) {
      bilinear(s, pixel, dst);
    } else {
      weighted_sum(s, pixel, dst);
    }
  }
}

constexpr KernelInfo info(const char* name) {
  return {name, "resize", Tier::FI_TIER, DType::f32, DType::f32, DType::f32};
}
constexpr Kernel kNearest = {info(FI_KERNEL_NAME("resize_f32_nearest")), Function::nearest,
                             nearest};
constexpr Kernel kTaps = {info(FI_KERNEL_NAME("resize_f32_taps")), Function::taps, taps};
constexpr const Kernel* kRows[] = {&kNearest, &kTaps};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::resize
