// The complex micro-kernel: M rows by V vectors of outputs, real and imaginary sums in registers.
// Include after FI_VEC_H.
#pragma once

#include "base/inline.h"
#include "kernels/fft/fft.h"

namespace fi::fft {
namespace {

// 2 * mr * vectors sums, two vectors of weights and a broadcast fit the registers: 32 of them on
// AVX-512 and NEON, 16 elsewhere.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kVectors = 2;
#else
constexpr int kVectors = 1;
#endif
constexpr int kRows = 6;
constexpr int kPanel = kVectors * kLanes;

// The weights come from beyond L2, a panel after the other: how far ahead they are fetched, in
// floats.
constexpr int64_t kAhead = 1024;

/// `columns` valid outputs of one panel, M rows from x and y.
template <int M, int V, bool pair, bool ahead>
void multiply_tile(const Product& p, const float* x, const float* w, float* y, int columns) {
  f32v re[M][V], im[M][V];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) re[i][v] = im[i][v] = zero();
  }
  const float* xi = x + p.x_imaginary;
  for (int64_t k = 0; k < p.inputs; ++k, w += 2 * kPanel) {
    f32v wr[V], wi[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      wr[v] = load(w + v * kLanes);
      wi[v] = load(w + kPanel + v * kLanes);
      if (ahead) {
        prefetch(w + kAhead + v * kLanes);
        prefetch(w + kAhead + kPanel + v * kLanes);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < M; ++i) {
      const f32v a = splat(x[i * p.x_stride + k]), b = splat(xi[i * p.x_stride + k]);
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) {
        re[i][v] = fma(a, wr[v], re[i][v]);
        im[i][v] = fma(b, pair ? wi[v] : wr[v], im[i][v]);
        if (pair) continue;
        re[i][v] = fnma(b, wi[v], re[i][v]);
        im[i][v] = fma(a, wi[v], im[i][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i, y += p.y_stride) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      float* to = y + v * kLanes;
      const int lanes = columns - v * kLanes < kLanes ? columns - v * kLanes : kLanes;
      if (lanes == kLanes) {
        store(to, re[i][v]);
        store(to + p.y_imaginary, im[i][v]);
      } else {
        store_n(to, re[i][v], lanes);
        store_n(to + p.y_imaginary, im[i][v], lanes);
      }
    }
  }
}

/// All rows, at most M at a time; the first of them fetch the weights.
template <int M, int V, bool pair>
FI_INLINE void multiply_rows(const Product& p, const float* w, int64_t column, int columns,
                             int64_t row = 0) {
  for (; row + M <= p.rows; row += M) {
    const float* x = p.x + row * p.x_stride;
    float* y = p.y + row * p.y_stride + column;
    if (row == 0) {
      multiply_tile<M, V, pair, true>(p, x, w, y, columns);
    } else {
      multiply_tile<M, V, pair, false>(p, x, w, y, columns);
    }
  }
  if constexpr (M > 1) {
    if (row < p.rows) multiply_rows<M - 1, V, pair>(p, w, column, columns, row);
  }
}

template <bool pair>
FI_INLINE void multiply_panels(const Product& p) {
  const float* w = p.w;
  for (int64_t n = 0; n < p.outputs; n += kPanel, w += 2 * kPanel * p.inputs) {
    const int columns = static_cast<int>(p.outputs - n < kPanel ? p.outputs - n : kPanel);
    if (columns <= kLanes) {
      multiply_rows<kRows, 1, pair>(p, w, n, columns);
    } else {
      multiply_rows<kRows, kVectors, pair>(p, w, n, columns);
    }
  }
}

void multiply_point(const Product& p) {
  if (p.pair) {
    multiply_panels<true>(p);
  } else {
    multiply_panels<false>(p);
  }
}

}  // namespace
}  // namespace fi::fft
