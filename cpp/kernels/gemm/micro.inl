// The f32 micro-kernel, once for every tier: an M x (V vectors) tile of accumulators in registers.
// Each element is one chain of multiply-adds in the order of k, whatever the tile, so results do
// not depend on how M and N are divided. Include after FI_VEC_H and simd/activation.inl; everything
// here has internal linkage.
#pragma once

#include "base/inline.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/narrow.h"
#include "kernels/name.h"
#include "simd/activation.inl"

namespace fi::gemm {
namespace {

template <int M, int V>
struct Accumulators {
  f32v v[M][V];
};

/// Tiles that read the rhs alone are bound by it: they ask for it 8 KB ahead, beyond what the
/// hardware does. Those of one or two rows always are.
constexpr bool always_streams(int rows) { return rows <= 2; }
constexpr int kPrefetchAhead = 2048;

/// The others fetch what later tiles read, a little at each k.
struct Ahead {
  const char* next;
  int64_t step;
};

/// Where element p of a row of the lhs stands.
struct Step {
  int64_t step;
  FI_INLINE int64_t at(int64_t p) const { return p * step; }
};
struct Map {
  const int32_t* map;
  FI_INLINE int64_t at(int64_t p) const { return map[p]; }
};

/// acc(i, :) += sum_p a[i][place.at(p)] * rhs(p, :); returns the rhs after k rows of it.
template <bool stream, int M, int V, class Place>
FI_INLINE const float* multiply(Accumulators<M, V>& acc, const float* const (&a)[M], Place place,
                                int64_t k, const float* rhs, int64_t nr, Ahead& ahead) {
#pragma GCC unroll 2
  for (int64_t p = 0; p < k; ++p) {
    f32v b[V];
    const int64_t at = place.at(p);
    if (!stream) prefetch_l2(ahead.next += ahead.step);
#pragma GCC unroll 16
    for (int j = 0; j < V; ++j) {
      b[j] = load(rhs + j * kLanes);
      if (stream) prefetch(rhs + kPrefetchAhead + j * kLanes);
    }
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      const f32v x = splat(a[i][at]);
#pragma GCC unroll 16
      for (int j = 0; j < V; ++j) acc.v[i][j] = fma(x, b[j], acc.v[i][j]);
    }
    rhs += nr;
  }
  return rhs;
}

/// Where tap t of each row starts.
template <int M>
FI_INLINE void rows_of_tap(const Tile& tile, int64_t t, int mr, const float* (&a)[M]) {
  const int32_t* offsets = tile.offsets + t * mr;
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
    const int32_t offset = offsets[i];
    const char* start = offset == kPadRow ? tile.pad : tile.lhs + offset;
    a[i] = reinterpret_cast<const float*>(start + tile.k_skip);
  }
}

/// The sum of the block of K, by form of the lhs. Rows past the tile's m repeat its last row.
template <LhsForm form, int M, int V>
FI_INLINE void multiply_block(Accumulators<M, V>& acc, const Tile& tile, int mr, int nr) {
  const float* rhs = reinterpret_cast<const float*>(tile.rhs);
  const int64_t k = static_cast<int64_t>(tile.taps) * tile.k_tap;
  const float* a[M];
  Ahead ahead{tile.ahead, tile.ahead_step};
  if constexpr (form == LhsForm::packed) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) a[i] = reinterpret_cast<const float*>(tile.lhs) + i;
    multiply<always_streams(M)>(acc, a, Step{mr}, k, rhs, nr, ahead);
  } else if constexpr (form == LhsForm::mapped) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      const int64_t row = i < tile.m ? i : tile.m - 1;
      a[i] = reinterpret_cast<const float*>(tile.lhs + row * tile.lhs_stride);
    }
    multiply<always_streams(M)>(acc, a, Map{tile.k_map}, k, rhs, nr, ahead);
  } else if constexpr (form == LhsForm::strided) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      const int64_t row = i < tile.m ? i : tile.m - 1;
      a[i] = reinterpret_cast<const float*>(tile.lhs + tile.k_skip + row * tile.lhs_stride);
    }
    if (always_streams(M) || tile.streams) {
      multiply<true>(acc, a, Step{1}, k, rhs, nr, ahead);
    } else {
      multiply<always_streams(M)>(acc, a, Step{1}, k, rhs, nr, ahead);
    }
  } else {
    for (int32_t t = 0; t < tile.taps; ++t) {
      rows_of_tap(tile, t, mr, a);
      rhs = multiply<always_streams(M)>(acc, a, Step{1}, tile.k_tap, rhs, nr, ahead);
    }
  }
}

}  // namespace
}  // namespace fi::gemm

#include "kernels/gemm/narrow.inl"

namespace fi::gemm {
namespace {

/// Runs body(i, j, p, lanes) for the vectors of the tile that hold valid elements.
template <int M, int V, class F>
FI_INLINE void for_each_vector(const Tile& tile, char* base, int64_t stride, F&& body) {
  const int last = tile.n - (V - 1) * kLanes;  // lanes of the last vector
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
    if (i >= tile.m) break;
    float* row = reinterpret_cast<float*>(base + i * stride);
#pragma GCC unroll 16
    for (int j = 0; j < V; ++j) body(i, j, row + j * kLanes, j < V - 1 ? kLanes : last);
  }
}

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

/// The activations that finish() does not apply, over the stored tile, while it is in L1.
__attribute__((noinline)) void activate_tile(const Tile& tile) {
  for (int i = 0; i < tile.m; ++i) {
    float* row = reinterpret_cast<float*>(tile.dst + i * tile.dst_stride);
    int j = 0;
    for (; j + kLanes <= tile.n; j += kLanes)
      store(row + j, activate(load(row + j), tile.epilogue.activation));
    if (j < tile.n)
      store_n(row + j, activate(load_n(row + j, tile.n - j), tile.epilogue.activation), tile.n - j);
  }
}

template <int M, int V>
FI_INLINE void finish(Accumulators<M, V>& acc, const Tile& tile) {
  const Epilogue& epilogue = tile.epilogue;
  if (epilogue.bias) {
    const int last = tile.n - (V - 1) * kLanes;
#pragma GCC unroll 16
    for (int j = 0; j < V; ++j) {
      const f32v bias = load_lanes(epilogue.bias + j * kLanes, j < V - 1 ? kLanes : last);
#pragma GCC unroll 16
      for (int i = 0; i < M; ++i) acc.v[i][j] = add(acc.v[i][j], bias);
    }
  }
  if (epilogue.residual) {
    char* residual = static_cast<char*>(const_cast<void*>(epilogue.residual));
    for_each_vector<M, V>(tile, residual, epilogue.residual_stride,
                          [&](int i, int j, float* p, int lanes) FI_INLINE_LAMBDA {
                            acc.v[i][j] = add(acc.v[i][j], load_lanes(p, lanes));
                          });
  }
  if (epilogue.activation.kind == ActivationKind::clamp) {
    const f32v low = splat(epilogue.activation.alpha), high = splat(epilogue.activation.beta);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < V; ++j) acc.v[i][j] = max(low, acc.v[i][j]);  // NaN stays
    }
    if (!(epilogue.activation.beta < __builtin_inff())) return;  // relu
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < V; ++j) acc.v[i][j] = min(high, acc.v[i][j]);
    }
  } else if (epilogue.activation.kind == ActivationKind::hard_swish) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < V; ++j) acc.v[i][j] = hard_swish(acc.v[i][j]);
    }
  }
}

/// What the blocks of K before this one have summed.
template <int M, int V>
FI_INLINE void load_sums(Accumulators<M, V>& acc, const Tile& tile) {
  if (tile.first) return;
  for_each_vector<M, V>(tile, tile.dst, tile.dst_stride,
                        [&](int i, int j, float* p, int lanes)
                            FI_INLINE_LAMBDA { acc.v[i][j] = load_lanes(p, lanes); });
}

template <int M, int V>
FI_INLINE void store_sums(Accumulators<M, V>& acc, const Tile& tile) {
  if (tile.last) finish(acc, tile);
  for_each_vector<M, V>(tile, tile.dst, tile.dst_stride,
                        [&](int i, int j, float* p, int lanes)
                            FI_INLINE_LAMBDA { store_lanes(p, acc.v[i][j], lanes); });
  if (tile.last && is_curve(tile.epilogue.activation.kind)) activate_tile(tile);
}

template <LhsForm form, int M, int V>
void run_tile(const Tile& tile, int mr, int nr) {
  Accumulators<M, V> acc;
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < V; ++j) acc.v[i][j] = zero();
  }
  load_sums(acc, tile);
  multiply_block<form>(acc, tile, mr, nr);
  store_sums(acc, tile);
}

/// The same where the last vector has at most T columns, and rows share it.
template <LhsForm form, int M, int V, int T>
void run_narrow(const Tile& tile, int mr, int nr) {
  Accumulators<M, V> acc;
  Narrow<M, T> narrow;
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < V; ++j) acc.v[i][j] = zero();
  }
  load_sums(acc, tile);
  narrow.join(acc, tile.first);
  multiply_narrow<form>(acc, narrow, tile, mr, nr);
  narrow.part(acc);
  store_sums(acc, tile);
}

/// The smallest tile of 1, 2, 4, 6 or 8 rows that holds m rows: tails of M cost what they need.
template <LhsForm form, int mr, int V>
FI_INLINE void run_rows(const Tile& tile, int nr) {
  if constexpr (mr > 6) {
    if (tile.m > 6) return run_tile<form, mr, V>(tile, mr, nr);
  }
  if constexpr (mr > 4) {
    constexpr int rows = mr < 6 ? mr : 6;
    if (tile.m > 4) return run_tile<form, rows, V>(tile, mr, nr);
  }
  if constexpr (mr > 2) {
    constexpr int rows = mr < 4 ? mr : 4;
    if (tile.m > 2) return run_tile<form, rows, V>(tile, mr, nr);
  }
  if constexpr (mr > 1) {
    if (tile.m > 1) return run_tile<form, 2, V>(tile, mr, nr);
  }
  return run_tile<form, 1, V>(tile, mr, nr);
}

/// A row's micro-kernel: as few vectors of columns as the tile needs.
template <LhsForm form, int mr, int nr, int V = nr / kLanes>
void run_any(const Tile& tile) {
  if constexpr (V > 1) {
    if (tile.n <= (V - 1) * kLanes) return run_any<form, mr, nr, V - 1>(tile);
  }
  if constexpr (V > 1 && has_narrow(form, mr, nr, kLanes)) {
    const int rest = tile.n - (V - 1) * kLanes;
    if (tile.m == mr && !tile.streams && rest <= kLanes / 2) {
      if (rest > kQuad) return run_narrow<form, mr, V, kLanes / 2>(tile, mr, nr);
      return run_narrow<form, mr, V, kQuad>(tile, mr, nr);
    }
  }
  run_rows<form, mr, V>(tile, nr);
}

}  // namespace
}  // namespace fi::gemm
