// What every row does with its sums. Include after FI_VEC_H.
#pragma once

#include "kernels/depthwise/depthwise.h"
#include "simd/activation.inl"

namespace fi::depthwise {
namespace {

FI_INLINE f32v load_lanes(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load_n(p, lanes);
}
FI_INLINE void store_lanes(float* p, f32v x, int lanes) {
  if (lanes == kLanes) {
    store(p, x);
  } else {
    store_n(p, x, lanes);
  }
}

FI_INLINE bool is_curve(ActivationKind kind) {
  return kind != ActivationKind::none && kind != ActivationKind::clamp;
}

/// The part of the epilogue that stays in registers: y = clamp(sum + residual), where the sum began
/// at the bias. Bounds of
/// +-inf clamp nothing.
struct Finish {
  f32v low, high;

  FI_INLINE explicit Finish(const Activation& activation)
      : low(splat(-__builtin_inff())), high(splat(__builtin_inff())) {
    if (activation.kind != ActivationKind::clamp) return;
    low = splat(activation.alpha);
    high = splat(activation.beta);
  }
  FI_INLINE f32v operator()(f32v sum, const float* residual, int lanes) const {
    if (residual) sum = add(sum, load_lanes(residual, lanes));
    return clamp(sum, low, high);
  }
};

/// The other activations, over pixels just written.
FI_INLINE void activate_pixels(const Convolution& convolution, float* y, int64_t pixels) {
  const int64_t channels = convolution.output.channels;
  for (int64_t p = 0; p < pixels; ++p, y += convolution.output.pixel_stride) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int lanes = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
      store_lanes(y + c, activate(load_lanes(y + c, lanes), convolution.activation), lanes);
    }
  }
}

}  // namespace
}  // namespace fi::depthwise
