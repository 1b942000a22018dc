// Where the outputs of a plane go. Include after FI_VEC_H.
#pragma once

#include "kernels/planar/planar.h"
#include "simd/activation.inl"

namespace fi::planar {
namespace {

/// Output rows of one channel, from the first row of a part on.
struct Target {
  float* y;
  int64_t row_stride;
  const float* residual;
  int64_t residual_stride;
  f32v low, high;  // what a clamp, or no activation, leaves
  bool curve;
  Activation activation;

  FI_INLINE Target(const Depthwise& c, int64_t image, int64_t channel, int64_t row)
      : y(c.output.row(image, channel, row)),
        row_stride(c.output.row_stride),
        residual(c.residual.data ? c.residual.row(image, channel, row) : nullptr),
        residual_stride(c.residual.row_stride),
        activation(c.activation) {
    const bool clamps = activation.kind == ActivationKind::clamp;
    low = splat(clamps ? activation.alpha : -__builtin_inff());
    high = splat(clamps ? activation.beta : __builtin_inff());
    curve = !clamps && activation.kind != ActivationKind::none;
  }
  FI_INLINE void write(int64_t row, int64_t x, int lanes, f32v sum) const {
    if (residual) {
      const float* p = residual + row * residual_stride + x;
      sum = add(sum, lanes == kLanes ? load(p) : load_n(p, lanes));
    }
    sum = curve ? activate_curve(sum, activation) : clamp(sum, low, high);
    float* to = y + row * row_stride + x;
    if (lanes == kLanes) {
      store(to, sum);
    } else {
      store_n(to, sum, lanes);
    }
  }
};

}  // namespace
}  // namespace fi::planar
