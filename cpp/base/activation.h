// The activations that an epilogue can apply; simd/activation.inl holds the vector code.
#pragma once

#include <cstdint>

namespace fi {

enum class ActivationKind : uint8_t {
  none,
  clamp,       // min(max(x, alpha), beta): relu is [0, inf], relu6 is [0, 6]
  leaky_relu,  // x < 0 ? alpha * x : x
  sigmoid,
  hard_sigmoid,  // min(max(alpha * x + beta, 0), 1)
  hard_swish,    // x * min(max(x / 6 + 1/2, 0), 1)
  silu,          // x * sigmoid(x)
  tanh,
  elu,   // x < 0 ? alpha * (exp(x) - 1) : x
  gelu,  // x * (1 + erf(x / sqrt 2)) / 2
};

/// y = activation(x) with the two parameters that its kind reads.
struct Activation {
  ActivationKind kind = ActivationKind::none;
  float alpha = 0, beta = 0;
};

const char* name_of(ActivationKind kind);
bool activation_from_name(const char* name, ActivationKind* out);

/// activation(x) in float64: the reference.
double reference_activation(const Activation& activation, double x);

}  // namespace fi
