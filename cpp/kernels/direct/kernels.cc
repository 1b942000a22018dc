// The direct row of one tier (FI_TIER): tiles of output pixels by two vectors of outputs.
#include FI_VEC_H

#include "kernels/direct/direct.h"
#include "kernels/name.h"
#include "simd/epilogue.inl"

namespace fi::direct {
namespace {

// Sums, their vectors of weights and a pixel must fit the registers: 32 on AVX-512 and NEON.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kSums = 24;
#else
constexpr int kSums = 12;
#endif
constexpr int kVectors = 2, kNr = kVectors * kLanes;
constexpr int kMr = kSums;  // where a tile has one vector of outputs

/// Where a tile stands: its first pixel and first output, how many of each are valid.
struct Place {
  int64_t x, o;
  int pixels, outputs;
};

/// sums(:, m) += sum_{r, p} runs[r][(x + m) * step + p] * w(r, p, :).
template <int M, int V>
FI_INLINE void accumulate(f32v (&sums)[V][M], const Row& row, int64_t x, const float* weights) {
  // Pixels are addressed from every third one, so that addresses fit the integer registers.
  constexpr int kGroup = 3, kGroups = (M + kGroup - 1) / kGroup;
  const int64_t step = row.step;
  for (int64_t r = 0; r < row.run_count; ++r) {
    const float* from[kGroups];
    from[0] = row.runs[r] + x * step;
#pragma GCC unroll 32
    for (int g = 1; g < kGroups; ++g) from[g] = from[g - 1] + kGroup * step;
    for (int64_t p = 0; p < row.run_length; ++p) {
      f32v w[V];
#pragma GCC unroll 32
      for (int j = 0; j < V; ++j) w[j] = load(weights + j * kLanes);
#pragma GCC unroll 32
      for (int m = 0; m < M; ++m) {
        const f32v pixel = splat(from[m / kGroup][m % kGroup * step]);
#pragma GCC unroll 32
        for (int j = 0; j < V; ++j) sums[j][m] = fma(pixel, w[j], sums[j][m]);
      }
#pragma GCC unroll 32
      for (int g = 0; g < kGroups; ++g) ++from[g];
      weights += kNr;
    }
  }
}

template <int M, int V>
void run_tile(const Row& row, const Finish& finish, const Place& place, const float* weights) {
  const int last = place.outputs - (V - 1) * kLanes;  // lanes of the last vector
  f32v sums[V][M];
#pragma GCC unroll 32
  for (int j = 0; j < V; ++j) {
    const f32v bias =
        row.bias ? load_lanes(row.bias + place.o + j * kLanes, j < V - 1 ? kLanes : last) : zero();
#pragma GCC unroll 32
    for (int m = 0; m < M; ++m) sums[j][m] = bias;
  }
  accumulate<M, V>(sums, row, place.x, weights);
  float* dst = row.dst + place.x * row.dst_stride + place.o;
  const float* residual =
      row.residual ? row.residual + place.x * row.residual_stride + place.o : nullptr;
#pragma GCC unroll 32
  for (int j = 0; j < V; ++j) {
    const int lanes = j < V - 1 ? kLanes : last;
    finish(sums[j], residual ? residual + j * kLanes : nullptr, hold_scalar(row.residual_stride),
           place.pixels, lanes);
    store_pixels(sums[j], dst + j * kLanes, hold_scalar(row.dst_stride), place.pixels, lanes);
  }
  if (is_curve(row.activation.kind))
    activate_pixels(row.activation, place.outputs, place.pixels, dst, row.dst_stride);
}

/// What the tile after this one writes is fetched meanwhile.
template <int M>
FI_INLINE void fetch_dst(const Row& row, const Place& place) {
  const float* dst = row.dst + (place.x + M) * row.dst_stride + place.o;
  for (int64_t m = place.x + M; m < row.pixels && m < place.x + 2 * M; ++m, dst += row.dst_stride) {
    for (int o = 0; o < place.outputs; o += kLanes) prefetch(dst + o);
  }
}

/// All tiles of one panel of outputs; the last takes the smallest tile that holds its pixels.
template <int V>
FI_INLINE void run_panel(const Row& row, const Finish& finish, int64_t o, int outputs,
                         const float* weights) {
  constexpr int most = kSums / V, third = most / 3;
  for (int64_t x = 0; x < row.pixels; x += most) {
    const int64_t left = row.pixels - x;
    const Place place{x, o, left < most ? static_cast<int>(left) : most, outputs};
    fetch_dst<most>(row, place);
    if (left <= third) {
      run_tile<third, V>(row, finish, place, weights);
    } else if (left <= 2 * third) {
      run_tile<2 * third, V>(row, finish, place, weights);
    } else {
      run_tile<most, V>(row, finish, place, weights);
    }
  }
}

void run(const Row& row) {
  const int64_t panel = row.run_count * row.run_length * kNr;
  const float* weights = row.weights;
  const Finish finish(row.activation);
  for (int64_t o = 0; o < row.outputs; o += kNr, weights += panel) {
    const int outputs = row.outputs - o < kNr ? static_cast<int>(row.outputs - o) : kNr;
    if (outputs <= kLanes) {
      run_panel<1>(row, finish, o, outputs, weights);
    } else {
      run_panel<2>(row, finish, o, outputs, weights);
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
