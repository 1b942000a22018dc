// The direct row of one tier (FI_TIER): tiles of output pixels by two vectors of outputs.
#include FI_VEC_H

#include "kernels/direct/direct.h"
#include "kernels/name.h"
#include "simd/activation.inl"

namespace fi::direct {
namespace {

// Sums, two vectors of weights and a pixel must fit the registers: 32 on AVX-512 and NEON.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kMr = 12;
#else
constexpr int kMr = 6;
#endif
constexpr int kNr = 2 * kLanes;

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

/// Where a tile stands: its first pixel and first output, how many of each are valid.
struct Place {
  int64_t x, o;
  int pixels, outputs;
};

/// The activations that run_tile() does not apply itself, over the stored tile, while it is in L1.
__attribute__((noinline)) void activate_tile(const Row& row, const Place& place) {
  for (int i = 0; i < place.pixels; ++i) {
    float* dst = row.dst + (place.x + i) * row.dst_stride + place.o;
    for (int j = 0; j < place.outputs; j += kLanes) {
      const int lanes = place.outputs - j < kLanes ? place.outputs - j : kLanes;
      store_lanes(dst + j, activate(load_lanes(dst + j, lanes), row.activation), lanes);
    }
  }
}

template <int M, int V>
struct Sums {
  f32v v[M][V];
};

/// sums(m, :) += sum_{r, p} runs[r][(x + m) * step + p] * w(r, p, :).
template <int M, int V>
FI_INLINE void accumulate(Sums<M, V>& sums, const Row& row, int64_t x, const float* weights) {
  // Pixels are addressed from every third one, so that addresses fit the integer registers.
  constexpr int kGroup = 3, kGroups = (M + kGroup - 1) / kGroup;
  const int64_t step = row.step;
  for (int64_t r = 0; r < row.run_count; ++r) {
    const float* from[kGroups];
    from[0] = row.runs[r] + x * step;
#pragma GCC unroll 16
    for (int g = 1; g < kGroups; ++g) from[g] = from[g - 1] + kGroup * step;
    for (int64_t p = 0; p < row.run_length; ++p) {
      f32v w[V];
#pragma GCC unroll 16
      for (int j = 0; j < V; ++j) w[j] = load(weights + j * kLanes);
#pragma GCC unroll 16
      for (int m = 0; m < M; ++m) {
        const f32v pixel = splat(from[m / kGroup][m % kGroup * step]);
#pragma GCC unroll 16
        for (int j = 0; j < V; ++j) sums.v[m][j] = fma(pixel, w[j], sums.v[m][j]);
      }
#pragma GCC unroll 16
      for (int g = 0; g < kGroups; ++g) ++from[g];
      weights += kNr;
    }
  }
}

template <int M, int V>
void run_tile(const Row& row, const Place& place, const float* weights) {
  const int last = place.outputs - (V - 1) * kLanes;  // lanes of the last vector
  Sums<M, V> sums;
#pragma GCC unroll 16
  for (int j = 0; j < V; ++j) {
    const f32v bias =
        row.bias ? load_lanes(row.bias + place.o + j * kLanes, j < V - 1 ? kLanes : last) : zero();
#pragma GCC unroll 16
    for (int m = 0; m < M; ++m) sums.v[m][j] = bias;
  }
  accumulate<M, V>(sums, row, place.x, weights);
  const ActivationKind kind = row.activation.kind;
  const bool clamped = kind == ActivationKind::clamp, swish = kind == ActivationKind::hard_swish;
  const f32v low = splat(row.activation.alpha), high = splat(row.activation.beta);
#pragma GCC unroll 16
  for (int m = 0; m < M; ++m) {
    if (m >= place.pixels) break;
    float* dst = row.dst + (place.x + m) * row.dst_stride + place.o;
    const float* residual =
        row.residual ? row.residual + (place.x + m) * row.residual_stride + place.o : nullptr;
#pragma GCC unroll 16
    for (int j = 0; j < V; ++j) {
      const int lanes = j < V - 1 ? kLanes : last;
      f32v sum = sums.v[m][j];
      if (residual) sum = add(sum, load_lanes(residual + j * kLanes, lanes));
      if (clamped) sum = min(high, max(low, sum));  // NaN stays
      if (swish) sum = hard_swish(sum);
      store_lanes(dst + j * kLanes, sum, lanes);
    }
  }
  if (is_curve(kind)) activate_tile(row, place);
}

/// All tiles of one panel of outputs; the last takes the smallest tile that holds its pixels.
template <int V>
FI_INLINE void run_panel(const Row& row, int64_t o, int outputs, const float* weights) {
  for (int64_t x = 0; x < row.pixels; x += kMr) {
    const int64_t left = row.pixels - x;
    const Place place{x, o, left < kMr ? static_cast<int>(left) : kMr, outputs};
    if (left <= kMr / 3) {
      run_tile<kMr / 3, V>(row, place, weights);
    } else if (left <= kMr / 3 * 2) {
      run_tile<kMr / 3 * 2, V>(row, place, weights);
    } else {
      run_tile<kMr, V>(row, place, weights);
    }
  }
}

void run(const Row& row) {
  const int64_t panel = row.run_count * row.run_length * kNr;
  const float* weights = row.weights;
  for (int64_t o = 0; o < row.outputs; o += kNr, weights += panel) {
    const int outputs = row.outputs - o < kNr ? static_cast<int>(row.outputs - o) : kNr;
    if (outputs <= kLanes) {
      run_panel<1>(row, o, outputs, weights);
    } else {
      run_panel<2>(row, o, outputs, weights);
    }
  }
}

constexpr Kernel kRow = {{FI_KERNEL_NAME("direct_f32_runs"), "direct", Tier::FI_TIER, DType::f32,
                          DType::f32, DType::f32},
                         kMr,
                         kNr,
                         run};
constexpr const Kernel* kRows[] = {&kRow};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::direct
