// The references: the formulas of kernel.h, one element in float64.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/eltwise/eltwise.h"

namespace fi::eltwise {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double elu(double x, double alpha) { return x < 0 ? alpha * std::expm1(x) : x; }
double clamp(double x, double low, double high) {
  return std::isnan(x) ? x : std::min(std::max(x, low), high);
}
/// log(1 + exp(x)) without overflow.
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }

}  // namespace

double reference(Unary function, double x, double alpha, double beta) {
  if (std::isnan(x)) return x;
  switch (function) {
    case Unary::relu:
      return std::max(x, 0.0);
    case Unary::clamp:
      return clamp(x, alpha, beta);
    case Unary::leaky_relu:
      return x < 0 ? alpha * x : x;
    case Unary::thresholded_relu:
      return x > alpha ? x : 0;
    case Unary::elu:
      return elu(x, alpha);
    case Unary::selu:
      return beta * elu(x, alpha);
    case Unary::celu:
      return x < 0 ? alpha * std::expm1(x / alpha) : x;
    case Unary::sigmoid:
      return sigmoid(x);
    case Unary::hard_sigmoid:
      return clamp(alpha * x + beta, 0, 1);
    case Unary::hard_swish:
      return x * clamp(x / 6 + 0.5, 0, 1);
    case Unary::silu:
      return x * sigmoid((alpha == 0 ? 1 : alpha) * x);
    case Unary::mish:
      return x * std::tanh(softplus(x));
    case Unary::tanh:
      return std::tanh(x);
    case Unary::gelu:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case Unary::gelu_tanh:
      return x * sigmoid(2 * std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x));
    case Unary::softplus:
      return softplus(x);
    case Unary::softsign:
      return x / (1 + std::fabs(x));
    case Unary::erf:
      return std::erf(x);
    case Unary::exp:
      return std::exp(x);
    case Unary::log:
      return std::log(x);
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::reciprocal:
      return 1 / x;
    case Unary::abs:
      return std::fabs(x);
    case Unary::neg:
      return -x;
    case Unary::sign:
      return x > 0 ? 1 : x < 0 ? -1 : x;
    case Unary::floor:
      return std::floor(x);
    case Unary::ceil:
      return std::ceil(x);
    case Unary::round:
      return std::nearbyint(x);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

double reference(Binary function, double a, double b) {
  switch (function) {
    case Binary::add:
      return a + b;
    case Binary::sub:
      return a - b;
    case Binary::mul:
      return a * b;
    case Binary::div:
      return a / b;
    case Binary::min:
      return std::isnan(a) ? a : std::isnan(b) ? b : std::min(a, b);
    case Binary::max:
      return std::isnan(a) ? a : std::isnan(b) ? b : std::max(a, b);
    case Binary::pow:
      return std::pow(a, b);
    case Binary::prelu:
      return a < 0 ? b * a : a;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace fi::eltwise
