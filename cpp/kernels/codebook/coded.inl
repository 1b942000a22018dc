// The coded form: a panel of outputs, k by k; x is broadcast. Include after FI_VEC_H.
#pragma once

#include "kernels/codebook/values.inl"
#include "kernels/name.h"
#include "simd/activation.inl"

namespace fi::codebook {
namespace {

constexpr int kVectors = 4;  // of a panel: chains enough to hide the latency of fma
constexpr int kPanel = kVectors * kLanes;

template <int kRows>
struct Sums {
  f32v of[kRows][kVectors];
};

template <int kRows>
FI_INLINE void multiply(Sums<kRows>& sums, int v, f32v w, const float* x, int64_t x_stride) {
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    sums.of[r][v] = fma(splat(x[r * x_stride]), w, sums.of[r][v]);
  }
}

/// Steps of one panel: two k of nibbles.
template <int kRows>
FI_INLINE void sum_nibbles(const Product& p, const uint8_t* w, const float* x, Sums<kRows>& sums) {
  const Values<Code::c4> values(p.w.values);
  int64_t k = 0;
  for (; k + 2 <= p.w.inputs; k += 2, w += kPanel) {
    prefetch(w + 2048);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const s32v codes = load_u8(w + v * kLanes);
      multiply(sums, v, values.at(codes), x + k, p.x_stride);
      multiply(sums, v, values.at(shift_right<4>(codes)), x + k + 1, p.x_stride);
    }
  }
  if (k == p.w.inputs) return;
  for (int v = 0; v < kVectors; ++v) {
    multiply(sums, v, values.at(load_u8(w + v * kLanes)), x + k, p.x_stride);
  }
}

template <int kRows, class Decode>
FI_INLINE void sum_bytes(const Product& p, const uint8_t* w, const float* x, Sums<kRows>& sums,
                         Decode&& decode) {
  for (int64_t k = 0; k < p.w.inputs; ++k, w += kPanel) {
    prefetch(w + 2048);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      multiply(sums, v, decode(w + v * kLanes), x + k, p.x_stride);
    }
  }
}

template <Code kCode, int kRows>
FI_INLINE void sum_panel(const Product& p, const uint8_t* w, const float* x, Sums<kRows>& sums) {
  if constexpr (kCode == Code::c4) {
    sum_nibbles<kRows>(p, w, x, sums);
  } else if constexpr (kCode == Code::s8) {
    sum_bytes<kRows>(p, w, x, sums, [](const uint8_t* at) FI_INLINE_LAMBDA {
      return to_f32(load_s8(reinterpret_cast<const int8_t*>(at)));
    });
  } else {
    const Values<kCode> values(p.w.values);
    sum_bytes<kRows>(p, w, x, sums,
                     [&](const uint8_t* at) FI_INLINE_LAMBDA { return values.at(load_u8(at)); });
  }
}

/// y of outputs [n, n + count), count at most kLanes.
FI_INLINE void finish(const Product& p, int64_t row, int64_t n, int count, f32v sum) {
  if (p.scale) sum = mul(sum, load_n(p.scale + n, count));
  if (p.bias) sum = add(sum, load_n(p.bias + n, count));
  if (p.residual) sum = add(sum, load_n(p.residual + row * p.residual_stride + n, count));
  store_n(p.y + row * p.y_stride + n, activate(sum, p.activation), count);
}

template <Code kCode, int kRows>
void run_coded(const Product& p, int64_t m, int64_t begin, int64_t end) {
  const int64_t panel_bytes = p.w.bytes / p.w.groups;
  for (int64_t panel = begin; panel < end; ++panel) {
    Sums<kRows> sums;
    for (auto& row : sums.of) {
      for (f32v& sum : row) sum = zero();
    }
    sum_panel<kCode, kRows>(p, p.w.data + panel * panel_bytes, p.x + m * p.x_stride, sums);
    for (int v = 0; v < kVectors; ++v) {
      const int64_t n = panel * kPanel + v * kLanes, left = p.w.outputs - n;
      if (left <= 0) break;
      const int count = left < kLanes ? static_cast<int>(left) : kLanes;
      for (int r = 0; r < kRows; ++r) finish(p, m + r, n, count, sums.of[r][v]);
    }
  }
}

}  // namespace
}  // namespace fi::codebook
