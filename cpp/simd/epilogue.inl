// What kernels that keep their sums in registers do with them. Include after FI_VEC_H.
#pragma once

#include "simd/activation.inl"

namespace fi {
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

/// The part of the epilogue that stays in registers: y = clamp(sum + residual), or hard_swish of
/// that, where the sum began at the bias.
struct Finish {
  f32v low, high;
  bool has_low, has_high, has_swish;

  FI_INLINE explicit Finish(const Activation& activation)
      : low(splat(activation.alpha)),
        high(splat(activation.beta)),
        has_low(activation.kind == ActivationKind::clamp && activation.alpha > -__builtin_inff()),
        has_high(activation.kind == ActivationKind::clamp && activation.beta < __builtin_inff()),
        has_swish(activation.kind == ActivationKind::hard_swish) {}

  FI_INLINE f32v operator()(f32v sum, const float* residual, int lanes) const {
    f32v one[1] = {sum};
    (*this)(one, residual, 0, 1, lanes);
    return one[0];
  }
  /// The sums of N pixels, of which the first `pixels` exist. NaN stays.
  template <int N>
  FI_INLINE void operator()(f32v (&sum)[N], const float* residual, int64_t residual_stride,
                            int pixels, int lanes) const {
    if (residual) {
#pragma GCC unroll 32
      for (int t = 0; t < N; ++t, residual += residual_stride) {
        if (t >= pixels) break;
        sum[t] = add(sum[t], load_lanes(residual, lanes));
      }
    }
    if (has_low) {
#pragma GCC unroll 32
      for (int t = 0; t < N; ++t) sum[t] = max(low, sum[t]);
    }
    if (has_high) {
#pragma GCC unroll 32
      for (int t = 0; t < N; ++t) sum[t] = min(high, sum[t]);
    }
    if (has_swish) {
#pragma GCC unroll 32
      for (int t = 0; t < N; ++t) sum[t] = hard_swish(sum[t]);
    }
  }
};

/// The first `pixels` of N sums, to every y_stride-th element from y on.
template <int N>
FI_INLINE void store_pixels(const f32v (&sum)[N], float* y, int64_t y_stride, int pixels,
                            int lanes) {
#pragma GCC unroll 32
  for (int t = 0; t < N; ++t, y += y_stride) {
    if (t >= pixels) break;
    store_lanes(y, sum[t], lanes);
  }
}

/// The other activations, over the channels of pixels just written.
FI_INLINE void activate_pixels(const Activation& activation, int64_t channels, int64_t pixels,
                               float* y, int64_t pixel_stride) {
  for (int64_t p = 0; p < pixels; ++p, y += pixel_stride) {
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int lanes = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
      store_lanes(y + c, activate(load_lanes(y + c, lanes), activation), lanes);
    }
  }
}

// GCC must be held back twice: it would load an input again for each of its multiply-adds, and
// would prepare dozens of addresses before the loop over channels, spilling them all. These make it
// take a value as it is.
FI_INLINE void hold(f32v& x) {
#if defined(__x86_64__)
  asm("" : "+v"(x.v));
#elif defined(__aarch64__)
  asm("" : "+w"(x.v));
#else
  (void)x;
#endif
}
template <class T>
FI_INLINE T hold_scalar(T x) {
  asm volatile("" : "+r"(x));
  return x;
}

}  // namespace
}  // namespace fi
