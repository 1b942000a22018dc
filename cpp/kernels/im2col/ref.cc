// The reference: the contract's formula, one element at a time.
#include "kernels/im2col/im2col.h"

namespace fi::im2col {

void reference(const Lowering& lowering, float* dst) {
  const Window& window = lowering.window;
  const Image<const float>& input = lowering.input;
  for (int64_t n = 0; n < input.batch; ++n) {
    for (int64_t oy = 0; oy < lowering.out_height; ++oy) {
      for (int64_t ox = 0; ox < lowering.out_width; ++ox) {
        for (int64_t i = 0; i < window.kernel_h; ++i) {
          for (int64_t j = 0; j < window.kernel_w; ++j) {
            const int64_t y = oy * window.stride_h - window.pad_top + i * window.dilation_h;
            const int64_t x = ox * window.stride_w - window.pad_left + j * window.dilation_w;
            const bool inside = y >= 0 && y < input.height && x >= 0 && x < input.width;
            for (int64_t c = 0; c < input.channels; ++c) {
              *dst++ = inside ? input.pixel(n, y, x)[c] : lowering.pad_value;
            }
          }
        }
      }
    }
  }
}

}  // namespace fi::im2col
