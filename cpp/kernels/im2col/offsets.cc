// Implicit im2col: the offsets that the gemm's offset form reads through.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "kernels/gemm/gemm.h"
#include "kernels/im2col/im2col.h"
#include "kernels/im2col/position.h"

namespace fi::im2col {
namespace {

constexpr int64_t kElement = sizeof(float);

/// The offsets of one row's taps, mr apart.
void fill_row(const Lowering& lowering, const Position& position, int mr, int32_t* out) {
  const Window& window = lowering.window;
  const Image<const float>& input = lowering.input;
  const int64_t top = position.top(window), left = position.left(window);
  const Taps rows = valid_taps(top, window.dilation_h, window.kernel_h, input.height);
  const Taps taps = valid_taps(left, window.dilation_w, window.kernel_w, input.width);
  const int64_t down = window.dilation_h * input.row_stride * kElement;
  const int64_t right = window.dilation_w * input.pixel_stride * kElement;
  int64_t row =
      (position.n * input.batch_stride + top * input.row_stride + left * input.pixel_stride) *
      kElement;
  for (int64_t i = 0; i < window.kernel_h; ++i, row += down) {
    const bool inside = i >= rows.begin && i < rows.end;
    for (int64_t j = 0; j < window.kernel_w; ++j, out += mr) {
      const bool valid = inside && j >= taps.begin && j < taps.end;
      *out = valid ? static_cast<int32_t>(row + j * right) : gemm::kPadRow;
    }
  }
}

}  // namespace

void fill_offsets(const void* context, int64_t m, int rows, int mr, int32_t* out) {
  const auto& lowering = *static_cast<const Lowering*>(context);
  if (rows == 0) return;
  Position position = Position::at(lowering, m);
  for (int i = 0; i < rows; ++i) {
    fill_row(lowering, position, mr, out + i);
    position.next(lowering);
  }
}

bool offsets_fit(const Lowering& lowering) {
  const Image<const float>& input = lowering.input;
  const auto reach = [](int64_t count, int64_t stride) {
    return std::max<int64_t>(count - 1, 0) * std::abs(stride);
  };
  const int64_t furthest = reach(input.batch, input.batch_stride) +
                           reach(input.height, input.row_stride) +
                           reach(input.width, input.pixel_stride) + input.channels;
  return furthest < INT32_MAX / kElement;  // kPadRow is INT32_MIN, beyond the range either way
}

}  // namespace fi::im2col
