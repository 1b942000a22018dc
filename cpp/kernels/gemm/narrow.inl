// The columns of a tile's last vector, where they are at most T, a divisor of the lanes: a vector
// holds those of kLanes / T rows. Their elements are loaded as quads of four k, one row's after the
// other's, and each k is spread over its quad: an instruction, instead of a multiply-add for each
// row. The order of every sum stays that of k. Include from micro.inl.
#pragma once

#include "kernels/gemm/narrow.h"

namespace fi::gemm {
namespace {

template <int M, int T>
struct Narrow {
  static constexpr int kRows = kLanes / T, kVectors = M / kRows;
  f32v v[kVectors];

  /// From the last vectors of the rows; nothing: zeros.
  template <int V>
  FI_INLINE void join(const Accumulators<M, V>& acc, bool nothing) {
#pragma GCC unroll 8
    for (int r = 0; r < kVectors; ++r) v[r] = zero();
    if (nothing) return;
    float lanes[kVectors * kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) store_n(lanes + i * T, acc.v[i][V - 1], T);
#pragma GCC unroll 8
    for (int r = 0; r < kVectors; ++r) v[r] = load(lanes + r * kLanes);
  }

  /// Back into the last vectors of the rows, whose other lanes hold anything.
  template <int V>
  FI_INLINE void part(Accumulators<M, V>& acc) const {
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      int32_t from[kLanes];
      for (int lane = 0; lane < kLanes; ++lane) from[lane] = (i * T + lane) % kLanes;
      const permv down = permutation(from);
#pragma GCC unroll 8
      for (int r = 0; r < kVectors; ++r) acc.v[r * kRows + i][V - 1] = permute(v[r], down);
    }
  }
};

/// One k, which is element s of the quads and element p of the rows.
template <int s, int M, int V, int T>
FI_INLINE void multiply_step(Accumulators<M, V>& acc, Narrow<M, T>& narrow,
                             const f32v (&quads)[Narrow<M, T>::kVectors],
                             const float* const (&a)[M], int64_t p, const float* rhs) {
  constexpr int kVectors = Narrow<M, T>::kVectors, kRows = Narrow<M, T>::kRows;
  f32v b[V];
#pragma GCC unroll 4
  for (int j = 0; j < V - 1; ++j) b[j] = load(rhs + j * kLanes);
  b[V - 1] = load_repeated<T>(rhs + (V - 1) * kLanes);
  f32v spread[kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kVectors; ++r) spread[r] = splat_in_quads<s>(quads[r]);
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
    // Beside one whole vector, loads take longer than multiply-adds: some rows do without.
    const bool held = V == 2 && i % kRows == 0;
    const f32v x = held ? splat_first(spread[i / kRows]) : splat(a[i][p]);
#pragma GCC unroll 4
    for (int j = 0; j < V - 1; ++j) acc.v[i][j] = fma(x, b[j], acc.v[i][j]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kVectors; ++r) narrow.v[r] = fma(spread[r], b[V - 1], narrow.v[r]);
}

/// acc(i, :) and narrow += sum_p a[i][p] * rhs(p, :); returns the rhs after k rows of it.
template <int M, int V, int T>
FI_INLINE const float* multiply(Accumulators<M, V>& acc, Narrow<M, T>& narrow,
                                const float* const (&a)[M], int64_t k, const float* rhs, int64_t nr,
                                Ahead& ahead) {
  constexpr int kVectors = Narrow<M, T>::kVectors, kRows = Narrow<M, T>::kRows;
  f32v quads[kVectors];
  int64_t p = 0;
#pragma GCC unroll 1
  for (; p + kQuad <= k; p += kQuad) {
#pragma GCC unroll 8
    for (int r = 0; r < kVectors; ++r) {
      quads[r] =
          load_repeated_quads<T>([&](int i) FI_INLINE_LAMBDA { return a[r * kRows + i] + p; });
    }
    prefetch_l2(ahead.next += 2 * ahead.step);
    multiply_step<0>(acc, narrow, quads, a, p, rhs);
    multiply_step<1>(acc, narrow, quads, a, p + 1, rhs += nr);
    prefetch_l2(ahead.next += 2 * ahead.step);
    multiply_step<2>(acc, narrow, quads, a, p + 2, rhs += nr);
    multiply_step<3>(acc, narrow, quads, a, p + 3, rhs += nr);
    rhs += nr;
  }
#pragma GCC unroll 1
  for (; p < k; ++p, rhs += nr) {
#pragma GCC unroll 8
    for (int r = 0; r < kVectors; ++r) {
      quads[r] =
          splat_quads([&](int q) FI_INLINE_LAMBDA { return a[r * kRows + q * kQuad / T] + p; });
    }
    multiply_step<0>(acc, narrow, quads, a, p, rhs);
  }
  return rhs;
}

template <LhsForm form, int M, int V, int T>
FI_INLINE void multiply_narrow(Accumulators<M, V>& acc, Narrow<M, T>& narrow, const Tile& tile,
                               int mr, int nr) {
  const float* rhs = reinterpret_cast<const float*>(tile.rhs);
  Ahead ahead{tile.ahead, tile.ahead_step};
  const float* a[M];
  if constexpr (form == LhsForm::strided) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i)
      a[i] = reinterpret_cast<const float*>(tile.lhs + tile.k_skip + i * tile.lhs_stride);
    multiply(acc, narrow, a, static_cast<int64_t>(tile.taps) * tile.k_tap, rhs, nr, ahead);
  } else {
    for (int32_t t = 0; t < tile.taps; ++t) {
      rows_of_tap(tile, t, mr, a);
      rhs = multiply(acc, narrow, a, tile.k_tap, rhs, nr, ahead);
    }
  }
}

}  // namespace
}  // namespace fi::gemm
