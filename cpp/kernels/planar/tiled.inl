// K x K windows of stride 1 or 2 without dilation: up to kTileRows output rows of one vector, each
// input loaded once for all of them, from the tensor itself. What a vector reads beside the image
// is masked out; rows above and below it are read from a row of zeros. Include after FI_VEC_H.
#pragma once

#include "kernels/planar/target.inl"
#include "simd/stage.inl"

namespace fi::planar {
namespace {

// As many as registers hold beside the weights of 3 x 3 (images are often multiples of 7 high).
constexpr int kTileRows = kLanes == 16 ? 7 : 4;

FI_INLINE int lanes_up_to(int64_t n) {
  return n <= 0 ? 0 : n >= kLanes ? kLanes : static_cast<int>(n);
}

/// The columns that one vector of outputs reads. `whole`: all of them are inside the image.
template <int K, int S, bool whole>
struct Columns {
  static constexpr int kLoads = S == 1 ? K : (K + 1) / 2 * 2;
  maskv inside[kLoads];

  /// Where load l begins: at tap l; with stride 2 at the taps 2q and 2q + 1 of half a vector.
  static constexpr int offset(int l) { return S == 1 ? l : l / 2 * 2 + l % 2 * kLanes; }

  FI_INLINE Columns(int64_t left, int64_t width) {
    if (whole) return;
    for (int l = 0; l < kLoads; ++l) {
      const int64_t column = left + offset(l);
      inside[l] = lanes_between(lanes_up_to(-column), lanes_up_to(width - column));
    }
  }
  FI_INLINE f32v read(const float* p, int l) const {
    return whole ? load(p + offset(l)) : load_where(p + offset(l), inside[l]);
  }
  /// x[j]: what tap j of a row multiplies.
  FI_INLINE void taps(const float* p, f32v (&x)[K]) const {
    if constexpr (S == 1) {
#pragma GCC unroll 5
      for (int j = 0; j < K; ++j) x[j] = read(p, j);
    } else {
#pragma GCC unroll 3
      for (int q = 0; q < kLoads; q += 2) {
        const f32v low = read(p, q), high = read(p, q + 1);
        x[q] = even_lanes(low, high);
        if (q + 1 < K) x[q + 1] = odd_lanes(low, high);
      }
    }
  }
};

constexpr float kZeroRow[3 * kLanes] = {};  // as far as the loads of a row reach

/// A plane, and the rows of it to compute.
template <int K, int S>
struct Plane {
  const float* x;
  int64_t height, width, row_stride;
  int64_t top, left;  // padding
  f32v weights[K * K], bias;
  Target target;
  int64_t row_begin;

  FI_INLINE Plane(const Depthwise& c, const Part& part, int64_t channel)
      : x(c.input.row(part.image, channel / c.multiplier, 0)),
        height(c.input.height),
        width(c.input.width),
        row_stride(c.input.row_stride),
        top(c.window.pad_top),
        left(c.window.pad_left),
        bias(splat(c.bias ? c.bias[channel] : 0.0f)),
        target(c, part.image, channel, part.row_begin),
        row_begin(part.row_begin) {
#pragma GCC unroll 25
    for (int tap = 0; tap < K * K; ++tap) weights[tap] = splat(c.weights[channel * K * K + tap]);
  }
  FI_INLINE int64_t column(int64_t to) const { return to * S - left; }
  FI_INLINE const float* at(int64_t y, int64_t column) const {
    const bool inside = static_cast<uint64_t>(y) < static_cast<uint64_t>(height);
    return inside ? x + y * row_stride + column : kZeroRow;
  }
};

/// Output rows [row, row + rows) of the part, `lanes` pixels from `to` on.
template <int rows, int K, int S, bool whole>
FI_INLINE void tile(const Plane<K, S>& plane, const Columns<K, S, whole>& columns, int64_t row,
                    int64_t to, int lanes) {
  f32v sum[rows];
#pragma GCC unroll 8
  for (int t = 0; t < rows; ++t) sum[t] = plane.bias;
  const int64_t y = (plane.row_begin + row) * S - plane.top, column = plane.column(to);
#pragma GCC unroll 20
  for (int r = 0; r < (rows - 1) * S + K; ++r) {
    f32v x[K];
    columns.taps(plane.at(y + r, column), x);
#pragma GCC unroll 5
    for (int j = 0; j < K; ++j) {
#pragma GCC unroll 8
      for (int t = 0; t < rows; ++t) {
        const int i = r - t * S;
        if (i >= 0 && i < K) sum[t] = fma(x[j], plane.weights[i * K + j], sum[t]);
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < rows; ++t) plane.target.write(row + t, to, lanes, sum[t]);
}

/// The last rows, fewer than a tile's.
template <int most, int K, int S, bool whole>
FI_INLINE void last_rows(const Plane<K, S>& plane, const Columns<K, S, whole>& columns, int64_t row,
                         int64_t rows, int64_t to, int lanes) {
  if constexpr (most > 0) {
    if (rows == most) return tile<most>(plane, columns, row, to, lanes);
    last_rows<most - 1>(plane, columns, row, rows, to, lanes);
  }
}

/// One vector of each of the part's rows.
template <bool whole, int K, int S>
FI_INLINE void stripe(const Plane<K, S>& plane, int64_t rows, int64_t to, int lanes) {
  const Columns<K, S, whole> columns(plane.column(to), plane.width);
  int64_t row = 0;
  for (; row + kTileRows <= rows; row += kTileRows) tile<kTileRows>(plane, columns, row, to, lanes);
  last_rows<kTileRows - 1>(plane, columns, row, rows - row, to, lanes);
}

template <int K, int S>
void run_tiled(const Depthwise& convolution, const Part& part, const Staged&, float*) {
  constexpr int kReach = Columns<K, S, true>::offset(Columns<K, S, true>::kLoads - 1) + kLanes;
  const int64_t rows = part.row_end - part.row_begin, width = convolution.output.width;
  for (int64_t channel = part.channel_begin; channel < part.channel_end; ++channel) {
    const Plane<K, S> plane(convolution, part, channel);
    for (int64_t to = 0; to < width; to += kLanes) {
      const int64_t column = plane.column(to);
      const int lanes = lanes_up_to(width - to);
      if (column >= 0 && column + kReach <= plane.width) {
        stripe<true>(plane, rows, to, lanes);
      } else {
        stripe<false>(plane, rows, to, lanes);
      }
    }
  }
}

}  // namespace
}  // namespace fi::planar
