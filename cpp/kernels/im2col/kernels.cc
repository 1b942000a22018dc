// Explicit im2col, by runs: where neighbouring taps of a row are neighbours in memory (dense
// pixels, no dilation) a row of the window is one run, so images of three channels copy whole
// vectors too.
#include FI_VEC_H

#include "kernels/im2col/im2col.h"
#include "kernels/im2col/position.h"
#include "kernels/name.h"

namespace fi::im2col {
namespace {

FI_INLINE void copy(const float* from, int64_t n, float* to) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(from + i));
  if (i < n) store_n(to + i, load_n(from + i, static_cast<int>(n - i)), static_cast<int>(n - i));
}

FI_INLINE void fill(float value, int64_t n, float* to) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, splat(value));
  if (i < n) store_n(to + i, splat(value), static_cast<int>(n - i));
}

/// One row of the lowered matrix.
FI_INLINE void lower(const Lowering& lowering, const Position& position, bool runs, float* to) {
  const Window& window = lowering.window;
  const Image<const float>& input = lowering.input;
  const int64_t channels = input.channels, top = position.top(window), left = position.left(window);
  const Taps rows = valid_taps(top, window.dilation_h, window.kernel_h, input.height);
  const Taps taps = valid_taps(left, window.dilation_w, window.kernel_w, input.width);
  const int64_t row = window.kernel_w * channels;
  fill(lowering.pad_value, rows.begin * row, to);
  for (int64_t i = rows.begin; i < rows.end; ++i) {
    float* out = to + i * row;
    fill(lowering.pad_value, taps.begin * channels, out);
    const float* from = input.data + position.n * input.batch_stride +
                        (top + i * window.dilation_h) * input.row_stride +
                        left * input.pixel_stride;
    if (runs) {
      copy(from + taps.begin * channels, (taps.end - taps.begin) * channels,
           out + taps.begin * channels);
    } else {
      for (int64_t j = taps.begin; j < taps.end; ++j) {
        copy(from + j * window.dilation_w * input.pixel_stride, channels, out + j * channels);
      }
    }
    fill(lowering.pad_value, (window.kernel_w - taps.end) * channels, out + taps.end * channels);
  }
  fill(lowering.pad_value, (window.kernel_h - rows.end) * row, to + rows.end * row);
}

void run(const Lowering& lowering, int64_t begin, int64_t end, float* dst, int64_t dst_stride) {
  const bool runs =
      lowering.window.dilation_w == 1 && lowering.input.pixel_stride == lowering.input.channels;
  if (begin == end) return;  // an output without pixels has no positions
  Position position = Position::at(lowering, begin);
  for (int64_t p = begin; p < end; ++p, dst += dst_stride) {
    lower(lowering, position, runs, dst);
    position.next(lowering);
  }
}

constexpr Kernel kRow = {{FI_KERNEL_NAME("im2col_f32_runs"), "im2col", Tier::FI_TIER, DType::f32,
                          DType::f32, DType::f32},
                         run};
constexpr const Kernel* kRows[] = {&kRow};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::im2col
