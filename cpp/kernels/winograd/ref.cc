// The references in float64: the direct sum, and the magnitude that bounds its error.
#include <algorithm>
#include <cmath>

#include "kernels/winograd/matrices.h"
#include "kernels/winograd/winograd.h"

namespace fi::winograd {
namespace {

/// x(n, y, x, i), zero outside.
double input_at(const Shape& s, const double* x, int64_t n, int64_t row, int64_t column,
                int64_t i) {
  if (row < 0 || row >= s.height || column < 0 || column >= s.width) return 0;
  return x[((n * s.height + row) * s.width + column) * s.inputs + i];
}

double sum_at(const Shape& s, const double* x, const double* w, int64_t n, int64_t oy, int64_t ox) {
  double sum = 0;
  for (int64_t tap = 0; tap < 9; ++tap) {
    const int64_t row = oy - s.pad_top + tap / 3, column = ox - s.pad_left + tap % 3;
    for (int64_t i = 0; i < s.inputs; ++i)
      sum += input_at(s, x, n, row, column, i) * w[i * 9 + tap];
  }
  return sum;
}

/// One point of a tile: sum_i |G g(i) G^T|(p, q) (|B^T| |d(i)| |B|)(p, q).
double point_at(const Matrices& f, const Shape& s, const double* x, const double* w, int64_t n,
                int64_t top, int64_t left, int p, int q) {
  double sum = 0;
  for (int64_t i = 0; i < s.inputs; ++i) {
    double weight = 0, input = 0;
    for (int tap = 0; tap < 9; ++tap) weight += f.g[p][tap / 3] * w[i * 9 + tap] * f.g[q][tap % 3];
    for (int y = 0; y < f.t; ++y) {
      for (int column = 0; column < f.t; ++column) {
        const double factor = std::fabs(f.b[p][y] * f.b[q][column]);
        if (factor != 0) input += factor * std::fabs(input_at(s, x, n, top + y, left + column, i));
      }
    }
    sum += std::fabs(weight) * input;
  }
  return sum;
}

}  // namespace

void reference(const Shape& s, const double* x, const double* w, const double* bias,
               const double* residual, Activation activation, double* y) {
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t oy = 0; oy < s.out_height; ++oy) {
      for (int64_t ox = 0; ox < s.out_width; ++ox) {
        for (int64_t o = 0; o < s.outputs; ++o) {
          double sum = sum_at(s, x, w + o * s.inputs * 9, n, oy, ox);
          if (bias) sum += bias[o];
          if (residual) sum += *residual++;
          *y++ = reference_activation(activation, sum);
        }
      }
    }
  }
}

void magnitude(int m, const Shape& s, const double* x, const double* w, double* y) {
  const Matrices& f = matrices_of(m);
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t top = 0; top < s.out_height; top += m) {
      for (int64_t left = 0; left < s.out_width; left += m) {
        for (int64_t o = 0; o < s.outputs; ++o) {
          double points[kMaxT][kMaxT];
          for (int p = 0; p < f.t; ++p) {
            for (int q = 0; q < f.t; ++q)
              points[p][q] = point_at(f, s, x, w + o * s.inputs * 9, n, top - s.pad_top,
                                      left - s.pad_left, p, q);
          }
          for (int64_t r = 0; r < std::min<int64_t>(m, s.out_height - top); ++r) {
            for (int64_t c = 0; c < std::min<int64_t>(m, s.out_width - left); ++c) {
              double sum = 0;
              for (int p = 0; p < f.t; ++p) {
                for (int q = 0; q < f.t; ++q)
                  sum += std::fabs(f.a[r][p] * f.a[c][q]) * points[p][q];
              }
              y[((n * s.out_height + top + r) * s.out_width + left + c) * s.outputs + o] = sum;
            }
          }
        }
      }
    }
  }
}

}  // namespace fi::winograd
