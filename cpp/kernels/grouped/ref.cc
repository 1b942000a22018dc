// The reference: the contract's formula in float64, term by term.
#include "kernels/grouped/grouped.h"

namespace fi::grouped {
namespace {

/// image: of the group's first input; w: of the output's first input.
double sum_at(const Shape& shape, const Window& window, const Channels& channels,
              const double* image, const double* w, int64_t oy, int64_t ox) {
  const int64_t width = channels.groups * channels.inputs;
  double sum = 0;
  for (int64_t i = 0; i < window.kernel_h; ++i) {
    for (int64_t j = 0; j < window.kernel_w; ++j) {
      const int64_t y = oy * window.stride_h - window.pad_top + i * window.dilation_h;
      const int64_t x = ox * window.stride_w - window.pad_left + j * window.dilation_w;
      if (y < 0 || y >= shape.height || x < 0 || x >= shape.width) continue;
      const double* pixel = image + (y * shape.width + x) * width;
      for (int64_t k = 0; k < channels.inputs; ++k)
        sum += pixel[k] * w[(k * window.kernel_h + i) * window.kernel_w + j];
    }
  }
  return sum;
}

}  // namespace

void reference(const Shape& shape, const Window& window, const Channels& channels, const double* x,
               const double* w, const double* bias, const double* residual, Activation activation,
               double* y) {
  const int64_t outputs = channels.groups * channels.outputs;
  const int64_t image = shape.height * shape.width * channels.groups * channels.inputs;
  for (int64_t n = 0; n < shape.batch; ++n, x += image) {
    for (int64_t oy = 0; oy < shape.out_height; ++oy) {
      for (int64_t ox = 0; ox < shape.out_width; ++ox) {
        for (int64_t o = 0; o < outputs; ++o) {
          const double* group = x + o / channels.outputs * channels.inputs;
          double sum = sum_at(shape, window, channels, group,
                              w + o * channels.inputs * window.taps(), oy, ox);
          if (bias) sum += bias[o];
          if (residual) sum += *residual++;
          *y++ = reference_activation(activation, sum);
        }
      }
    }
  }
}

}  // namespace fi::grouped
