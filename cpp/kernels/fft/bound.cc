// The error of f32 arithmetic, u = 2^-24 (Higham, Accuracy and Stability, 2002, chapter 24).
//
// A fast transform is a product of L = log2 n matrices, each sqrt(2) times unitary, whose rounding
// loses at most eta = u + 4 sqrt(2) u (1 + ...) < 7 u of the norm of the vector; so it is off by
// L eta of its result's norm. Along two axes, with the steps that make real transforms of complex
// ones, L = 2 log2 t + 1. Let x(i) be a tile of inputs, w(o, i) a filter. No point of the weights'
// spectrum exceeds ||w(o, i)||_1, each is rounded once, and the sum over inputs, of two terms for
// each, loses at most 2 inputs u of each term, in both of its parts. The way back loses as much as
// the way there, and both ways norms are kept but for a factor of t, which cancels. So the norm of
// the error of a tile's outputs, and with it every error, is
//
//   |error| <= n u sum_i ||x(i)||_2 ||w(o, i)||_1,   n = 14 (2 log2 t + 1) + sqrt(2) (2 inputs +
//   2).
//
// This is never met in practice: roundings are as often up as down, and independent. Then variances
// add in place of magnitudes; a transform spreads them evenly, so nothing is amplified: about two
// roundings for each of the 2 L levels, and a sum over inputs, whose partial sums grow evenly,
// which loses half as often as it has terms.
#include <cmath>

#include "kernels/fft/fft.h"

namespace fi::fft {
namespace {

constexpr double kUnitRoundoff = 1.0 / (1 << 24);

double levels(int t) { return 2 * std::log2(t) + 1; }

}  // namespace

double roundings(int t, int64_t group_inputs) {
  return 14 * levels(t) + std::sqrt(2) * (2 * static_cast<double>(group_inputs) + 2);
}

double expected_error(int t, int64_t group_inputs) {
  const double variance = 4 * levels(t) + static_cast<double>(group_inputs);
  return kUnitRoundoff * std::sqrt(variance / 3);
}

}  // namespace fi::fft
