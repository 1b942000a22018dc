#include "kernels/im2col/mec.h"

namespace fi::im2col {
namespace {

/// Whether some output row of the strip reads row r of it.
bool is_read(const Strip& strip, int64_t r) {
  const Window& w = strip.lowering.window;
  for (int64_t i = 0; i < w.kernel_h; ++i) {
    const int64_t down = r - i * w.dilation_h;
    if (down >= 0 && down % w.stride_h == 0 && down / w.stride_h < strip.end - strip.begin)
      return true;
  }
  return false;
}

}  // namespace

void lower_strip(const Kernel& kernel, const Strip& strip, float* lowered) {
  const Image<const float>& input = strip.lowering.input;
  const Window& w = strip.lowering.window;
  // Each row of the strip is im2col of an image and a window of one row.
  Lowering line = strip.lowering;
  line.input.batch = line.out_height = 1;
  line.window.kernel_h = line.window.stride_h = line.window.dilation_h = 1;
  line.window.pad_top = 0;
  const int64_t top = strip.begin * w.stride_h - w.pad_top, rows = strip.rows();
  for (int64_t r = 0; r < rows; ++r, lowered += strip.row()) {
    if (!is_read(strip, r)) continue;
    const bool inside = top + r >= 0 && top + r < input.height;
    line.input.height = inside ? 1 : 0;
    line.input.data = input.pixel(strip.image, inside ? top + r : 0, 0);
    kernel.run(line, 0, line.out_width, lowered, strip.pitch());
  }
}

int32_t strip_taps(const Window& window) { return window.dilation_h == 1 ? 1 : window.kernel_h; }

void fill_strip_offsets(const void* context, int64_t m, int rows, int mr, int32_t* out) {
  const Strip& strip = *static_cast<const Strip*>(context);
  const Window& w = strip.lowering.window;
  const int64_t down = strip.row() * static_cast<int64_t>(sizeof(float));
  const int64_t across = down * strip.rows();
  const int32_t taps = strip_taps(w);
  int64_t oy = m / strip.lowering.out_width, ox = m % strip.lowering.out_width;
  for (int i = 0; i < rows; ++i) {
    const int64_t start = ox * across + oy * w.stride_h * down;
    for (int32_t t = 0; t < taps; ++t)
      out[t * mr + i] = static_cast<int32_t>(start + t * w.dilation_h * down);
    if (++ox == strip.lowering.out_width) {
      ox = 0;
      ++oy;
    }
  }
}

}  // namespace fi::im2col
