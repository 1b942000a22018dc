// The error of f32 arithmetic, u = 2^-24 (Higham, Accuracy and Stability, 2002, chapter 3: a term
// that goes through n roundings is off by at most n u / (1 - n u)).
//
// A point of the inputs, B^T d B, is a sum whose terms go through at most n_B roundings in each of
// its two passes, n_B the elements of a row of B^T that are not zero; likewise A^T and n_A. The
// transformed weights are rounded once, the sum over the inputs rounds each term at most `inputs`
// times. So
//
//   |error| <= n u |A^T| [ sum_i |G g(i) G^T| . (|B^T| |d(i)| |B|) ] |A|,
//   n        = 2 n_B + 1 + inputs + 2 n_A.
//
// With |d| <= x and |g(i)| <= w(i) throughout, the matrix is at most k^2 x sum_i w(i) in each of
// its elements, where
//
//   k = max_r sum_p |A^T(r, p)| ||G(p, :)||_1 ||B^T(p, :)||_1,
//
// against 3^2 for the direct sum: that is the transform's amplification. It is never met in
// practice: roundings are as often up as down, and terms are independent. Then variances add in
// place of magnitudes: a point has the variance inputs ||G(p)||_2^2 ||B^T(p)||_2^2 of that of a
// product of an input and a weight, along each axis, of which a sum over the inputs, whose partial
// sums grow evenly, loses inputs / 2 u^2 / 3, and the output 9 inputs times.
#include <algorithm>
#include <cmath>

#include "kernels/winograd/matrices.h"
#include "kernels/winograd/winograd.h"

namespace fi::winograd {
namespace {

constexpr double kUnitRoundoff = 1.0 / (1 << 24);

template <int columns>
int64_t longest_row(const double (*matrix)[columns], int rows) {
  int64_t longest = 0;
  for (int r = 0; r < rows; ++r) {
    longest = std::max<int64_t>(longest, columns - std::count(matrix[r], matrix[r] + columns, 0.0));
  }
  return longest;
}

int64_t transform_roundings(const Matrices& f) {
  return 2 * longest_row(f.b, f.t) + 1 + 2 * longest_row(f.a, f.m);
}

/// max_r sum_p |A^T(r, p)|^power norm(G(p))^power norm(B^T(p))^power, where norm^power is the sum
/// of powers.
double amplification(const Matrices& f, int power) {
  const auto row = [power](const double* values, int count) {
    double sum = 0;
    for (int i = 0; i < count; ++i) sum += std::pow(std::fabs(values[i]), power);
    return sum;
  };
  double most = 0;
  for (int r = 0; r < f.m; ++r) {
    double sum = 0;
    for (int p = 0; p < f.t; ++p)
      sum += std::pow(std::fabs(f.a[r][p]), power) * row(f.g[p], 3) * row(f.b[p], f.t);
    most = std::max(most, sum);
  }
  return most;
}

}  // namespace

int64_t roundings(int m, int64_t inputs) { return transform_roundings(matrices_of(m)) + inputs; }

double error_bound(int m, int64_t inputs) {
  const double n = static_cast<double>(roundings(m, inputs)) * kUnitRoundoff;
  const double k = amplification(matrices_of(m), 1);
  return n / (1 - n) * k * k;
}

double expected_error(int m, int64_t inputs) {
  const Matrices& f = matrices_of(m);
  const double roundings =
      static_cast<double>(transform_roundings(f)) + static_cast<double>(inputs) / 2;
  return kUnitRoundoff * std::sqrt(roundings / 3) * amplification(f, 2) / 3;
}

}  // namespace fi::winograd
