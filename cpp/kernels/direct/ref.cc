// The reference: the contract's formula in float64, term by term.
#include "kernels/direct/direct.h"

namespace fi::direct {
namespace {

double sum_at(const Shape& s, const Window& window, const double* image, const double* w,
              int64_t top, int64_t left) {
  double sum = 0;
  for (int64_t c = 0; c < s.channels; ++c) {
    for (int64_t i = 0; i < window.kernel_h; ++i) {
      for (int64_t j = 0; j < window.kernel_w; ++j, ++w) {
        const int64_t y = top + i * window.dilation_h, x = left + j * window.dilation_w;
        if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue;
        sum += image[(y * s.width + x) * s.channels + c] * *w;
      }
    }
  }
  return sum;
}

}  // namespace

void reference(const Shape& s, const Window& window, const double* x, const double* w,
               const double* bias, const double* residual, Activation activation, double* y) {
  const int64_t filter = window.taps() * s.channels;
  for (int64_t n = 0; n < s.batch; ++n, x += s.height * s.width * s.channels) {
    for (int64_t oy = 0; oy < s.out_height; ++oy) {
      for (int64_t ox = 0; ox < s.out_width; ++ox) {
        for (int64_t o = 0; o < s.outputs; ++o) {
          double sum = sum_at(s, window, x, w + o * filter, oy * window.stride_h - window.pad_top,
                              ox * window.stride_w - window.pad_left);
          if (bias) sum += bias[o];
          if (residual) sum += *residual++;
          *y++ = reference_activation(activation, sum);
        }
      }
    }
  }
}

}  // namespace fi::direct
