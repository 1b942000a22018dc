// The activations in float64, one value at a time: what the vector code is tested against.
#include <algorithm>
#include <cmath>

#include "base/activation.h"

namespace fi {

double reference_activation(const Activation& activation, double x) {
  const double alpha = activation.alpha, beta = activation.beta;
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  switch (activation.kind) {
    case ActivationKind::none:
      return x;
    case ActivationKind::clamp:
      return std::isnan(x) ? x : std::min(std::max(x, alpha), beta);
    case ActivationKind::leaky_relu:
      return x < 0 ? alpha * x : x;
    case ActivationKind::sigmoid:
      return sigmoid(x);
    case ActivationKind::hard_sigmoid:
      return std::clamp(alpha * x + beta, 0.0, 1.0);
    case ActivationKind::hard_swish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case ActivationKind::silu:
      return x * sigmoid(x);
    case ActivationKind::tanh:
      return std::tanh(x);
    case ActivationKind::elu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case ActivationKind::gelu:
      return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
  }
  return x;
}

}  // namespace fi
