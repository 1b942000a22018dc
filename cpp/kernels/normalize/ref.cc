// The references: the formulas of normalize.h, dense, in float64.
#include <cmath>

#include "kernels/normalize/normalize.h"

namespace fi::normalize {

void reference_layer_norm(const double* x, double* y, const double* scale, const double* bias,
                          int64_t rows, int64_t n, double epsilon, double* mean, double* inv_std) {
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    double m = 0, variance = 0;
    for (int64_t i = 0; i < n; ++i) m += x[i] / static_cast<double>(n);
    for (int64_t i = 0; i < n; ++i) variance += (x[i] - m) * (x[i] - m) / static_cast<double>(n);
    const double inverse = 1 / std::sqrt(variance + epsilon);
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - m) * inverse * scale[i] + (bias ? bias[i] : 0);
    if (mean) mean[r] = m;
    if (inv_std) inv_std[r] = inverse;
  }
}

namespace {

/// f(pixel of x, pixel of y) for every pixel of image n.
template <class F>
void for_pixels(const Image<const double>& x, const Image<double>& y, int64_t n, F&& f) {
  for (int64_t row = 0; row < x.height; ++row) {
    for (int64_t column = 0; column < x.width; ++column)
      f(x.pixel(n, row, column), y.pixel(n, row, column));
  }
}

}  // namespace

void reference_instance_norm(const Image<const double>& x, const Image<double>& y,
                             const double* scale, const double* bias, double epsilon) {
  const double count = static_cast<double>(x.height * x.width);
  for (int64_t n = 0; n < x.batch; ++n) {
    for (int64_t c = 0; c < x.channels; ++c) {
      double m = 0, variance = 0;
      for_pixels(x, y, n, [&](const double* in, double*) { m += in[c] / count; });
      for_pixels(x, y, n,
                 [&](const double* in, double*) { variance += (in[c] - m) * (in[c] - m) / count; });
      const double factor = scale[c] / std::sqrt(variance + epsilon);
      for_pixels(x, y, n,
                 [&](const double* in, double* out) { out[c] = (in[c] - m) * factor + bias[c]; });
    }
  }
}

void reference_lrn(const Lrn& lrn, const double* x, double* y, int64_t pixels, int64_t channels) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (int64_t j = c - (lrn.size - 1) / 2; j <= c + lrn.size / 2; ++j) {
        if (j >= 0 && j < channels) sum += x[j] * x[j];
      }
      const double base =
          static_cast<double>(lrn.bias) + static_cast<double>(lrn.alpha) / lrn.size * sum;
      y[c] = x[c] * std::pow(base, -static_cast<double>(lrn.beta));
    }
  }
}

}  // namespace fi::normalize
