// The references in float64: the direct sum, and the magnitude that bounds its error.
#include <algorithm>
#include <cmath>

#include "kernels/fft/fft.h"

namespace fi::fft {
namespace {

/// x(n, row, column, i), zero outside.
double input_at(const Problem& p, const double* x, int64_t n, int64_t row, int64_t column,
                int64_t i) {
  if (row < 0 || row >= p.height || column < 0 || column >= p.width) return 0;
  return x[((n * p.height + row) * p.width + column) * p.shape.inputs + i];
}

double sum_at(const Problem& p, const double* x, const double* w, int64_t n, int64_t oy, int64_t ox,
              int64_t o) {
  const int64_t inputs = p.shape.group_inputs(), first = o / p.shape.group_outputs() * inputs;
  double sum = 0;
  for (int64_t i = 0; i < inputs; ++i) {
    for (int64_t a = 0; a < p.kernel_h; ++a) {
      for (int64_t b = 0; b < p.kernel_w; ++b) {
        const double value = input_at(p, x, n, oy - p.pad_top + a * p.dilation_h,
                                      ox - p.pad_left + b * p.dilation_w, first + i);
        sum += value * w[((o * inputs + i) * p.kernel_h + a) * p.kernel_w + b];
      }
    }
  }
  return sum;
}

/// ||x(i)||_2 of the tile whose first output is (top, left).
double tile_norm(int t, const Problem& p, const double* x, int64_t n, int64_t top, int64_t left,
                 int64_t i) {
  double sum = 0;
  for (int64_t y = 0; y < t; ++y) {
    for (int64_t column = 0; column < t; ++column) {
      const double value = input_at(p, x, n, top - p.pad_top + y, left - p.pad_left + column, i);
      sum += value * value;
    }
  }
  return std::sqrt(sum);
}

/// ||w(o, i)||_1.
double filter_norm(const Problem& p, const double* w, int64_t o, int64_t i) {
  const int64_t taps = p.kernel_h * p.kernel_w;
  double sum = 0;
  for (int64_t k = 0; k < taps; ++k)
    sum += std::fabs(w[(o * p.shape.group_inputs() + i) * taps + k]);
  return sum;
}

}  // namespace

void reference(const Problem& p, const double* x, const double* w, const double* bias,
               const double* residual, Activation activation, double* y) {
  const Shape& s = p.shape;
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t oy = 0; oy < s.height; ++oy) {
      for (int64_t ox = 0; ox < s.width; ++ox) {
        for (int64_t o = 0; o < s.outputs; ++o) {
          double sum = sum_at(p, x, w, n, oy, ox, o);
          if (bias) sum += bias[o];
          if (residual) sum += *residual++;
          *y++ = reference_activation(activation, sum);
        }
      }
    }
  }
}

void magnitude(int t, const Problem& p, const double* x, const double* w, double* y) {
  const Shape& s = p.shape;
  const int64_t m_h = t - s.extent_h + 1, m_w = t - s.extent_w + 1, inputs = s.group_inputs();
  std::fill_n(y, s.batch * s.height * s.width * s.outputs, 0.0);
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t top = 0; top < s.height; top += m_h) {
      for (int64_t left = 0; left < s.width; left += m_w) {
        for (int64_t i = 0; i < s.inputs; ++i) {
          const double norm = tile_norm(t, p, x, n, top, left, i);
          const int64_t first = i / inputs * s.group_outputs();
          for (int64_t o = first; o < first + s.group_outputs(); ++o) {
            const double term = norm * filter_norm(p, w, o, i % inputs);
            for (int64_t r = top; r < std::min(top + m_h, s.height); ++r) {
              for (int64_t c = left; c < std::min(left + m_w, s.width); ++c)
                y[((n * s.height + r) * s.width + c) * s.outputs + o] += term;
            }
          }
        }
      }
    }
  }
}

}  // namespace fi::fft
