// The activations of base/activation.h over vec.h. Include after FI_VEC_H. NaN gives NaN.
#pragma once

#include "base/activation.h"
#include "simd/math.inl"

namespace fi {
namespace {

/// min(max(x, low), high). In this order of operands NaN stays NaN on every tier.
FI_INLINE f32v clamp(f32v x, f32v low, f32v high) { return min(high, max(low, x)); }

FI_INLINE f32v leaky_relu(f32v x, float alpha) {
  return select(less(x, zero()), mul(x, splat(alpha)), x);
}
FI_INLINE f32v hard_sigmoid(f32v x, float alpha, float beta) {
  return clamp(fma(splat(alpha), x, splat(beta)), zero(), splat(1));
}
FI_INLINE f32v hard_swish(f32v x) { return mul(x, hard_sigmoid(x, 1.0f / 6, 0.5f)); }
FI_INLINE f32v silu(f32v x) { return mul(x, sigmoid(x)); }
FI_INLINE f32v elu(f32v x, float alpha) {
  return select(less(x, zero()), mul(splat(alpha), expm1(x)), x);
}
/// Error: below 2^-22 |x|; the relative error of its left tail is not bounded.
FI_INLINE f32v gelu(f32v x) {
  return mul(mul(splat(0.5f), x), add(splat(1), erf(mul(x, splat(0.707106781f)))));
}

/// The kinds that are too long to be inlined into every epilogue.
__attribute__((noinline, unused)) f32v activate_curve(f32v x, Activation activation) {
  switch (activation.kind) {
    case ActivationKind::leaky_relu:
      return leaky_relu(x, activation.alpha);
    case ActivationKind::sigmoid:
      return sigmoid(x);
    case ActivationKind::hard_sigmoid:
      return hard_sigmoid(x, activation.alpha, activation.beta);
    case ActivationKind::hard_swish:
      return hard_swish(x);
    case ActivationKind::silu:
      return silu(x);
    case ActivationKind::tanh:
      return tanh(x);
    case ActivationKind::elu:
      return elu(x, activation.alpha);
    case ActivationKind::gelu:
      return gelu(x);
    default:
      return x;
  }
}

/// Whether an epilogue leaves the activation to a second look at what it stored.
FI_INLINE bool is_curve(ActivationKind kind) {
  return kind != ActivationKind::none && kind != ActivationKind::clamp &&
         kind != ActivationKind::hard_swish;
}

FI_INLINE f32v activate(f32v x, const Activation& activation) {
  if (activation.kind == ActivationKind::none) return x;
  if (activation.kind == ActivationKind::hard_swish) return hard_swish(x);
  if (activation.kind == ActivationKind::clamp) {
    return clamp(x, splat(activation.alpha), splat(activation.beta));
  }
  return activate_curve(x, activation);
}

}  // namespace
}  // namespace fi
