// The reference: the contract's formula in float64, term by term.
#include "kernels/planar/planar.h"

namespace fi::planar {
namespace {

double sum_at(const Shape& shape, const Window& window, const double* plane, const double* w,
              int64_t oy, int64_t ox) {
  double sum = 0;
  for (int64_t i = 0; i < window.kernel_h; ++i) {
    for (int64_t j = 0; j < window.kernel_w; ++j) {
      const int64_t y = oy * window.stride_h - window.pad_top + i * window.dilation_h;
      const int64_t x = ox * window.stride_w - window.pad_left + j * window.dilation_w;
      if (y < 0 || y >= shape.height || x < 0 || x >= shape.width) continue;
      sum += plane[y * shape.width + x] * w[i * window.kernel_w + j];
    }
  }
  return sum;
}

}  // namespace

void reference(const Shape& shape, const Window& window, int32_t multiplier, const double* x,
               const double* w, const double* bias, const double* residual, Activation activation,
               double* y) {
  const int64_t outputs = shape.channels * multiplier, plane = shape.height * shape.width;
  for (int64_t n = 0; n < shape.batch; ++n, x += shape.channels * plane) {
    for (int64_t o = 0; o < outputs; ++o) {
      for (int64_t oy = 0; oy < shape.out_height; ++oy) {
        for (int64_t ox = 0; ox < shape.out_width; ++ox) {
          double sum =
              sum_at(shape, window, x + o / multiplier * plane, w + o * window.taps(), oy, ox);
          if (bias) sum += bias[o];
          if (residual) sum += *residual++;
          *y++ = reference_activation(activation, sum);
        }
      }
    }
  }
}

}  // namespace fi::planar
