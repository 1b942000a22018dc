// The reference: the contract's formula in float64, term by term.
#include "kernels/sparse/sparse.h"

namespace fi::sparse {
namespace {

double sum_at(const Shape& s, const double* x, const double* w, int64_t oy, int64_t ox) {
  const Window& window = s.window;
  double sum = 0;
  for (int64_t i = 0; i < s.inputs; ++i, x += s.height * s.width) {
    for (int64_t ky = 0; ky < window.kernel_h; ++ky) {
      for (int64_t kx = 0; kx < window.kernel_w; ++kx, ++w) {
        const int64_t row = oy * window.stride_h - window.pad_top + ky * window.dilation_h;
        const int64_t column = ox * window.stride_w - window.pad_left + kx * window.dilation_w;
        if (*w == 0 || row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
        sum += *w * x[row * s.width + column];
      }
    }
  }
  return sum;
}

}  // namespace

void reference(const Shape& s, const double* x, const double* w, const double* bias,
               const double* residual, Activation activation, double* y) {
  const int64_t k = s.inputs * s.window.taps();
  for (int64_t n = 0; n < s.batch; ++n, x += s.inputs * s.height * s.width) {
    for (int64_t o = 0; o < s.outputs; ++o) {
      for (int64_t oy = 0; oy < s.out_height; ++oy) {
        for (int64_t ox = 0; ox < s.out_width; ++ox) {
          double sum = sum_at(s, x, w + o * k, oy, ox);
          if (bias) sum += bias[o];
          if (residual) sum += *residual++;
          *y++ = reference_activation(activation, sum);
        }
      }
    }
  }
}

}  // namespace fi::sparse
