// K x K windows of stride S without dilation: kTile output pixels of a row at once, vectors over
// channels. An input column is loaded once and multiplied into every output of the tile that it
// belongs to; tiles at the border test each row and column of their patch, once per vector, and
// read only those that exist. Include after FI_VEC_H.
#pragma once

#include "kernels/depthwise/epilogue.inl"
#include "kernels/depthwise/span.h"

namespace fi::depthwise {
namespace {

/// Output pixels of a tile. 7 divides the widths of most networks, and with 7 weights fits 16
/// registers.
constexpr int kTile = 7;

template <int K, int S>
constexpr int kColumns = (kTile - 1) * S + K;  // input columns under a tile

/// A tile: the patch of input that it reads and the outputs that it writes.
template <int K, int S>
struct Patch {
  const float* rows[K];  // column 0 of each row of the patch; null: the row is outside
  uint32_t columns;      // bit j: column j is inside
  int64_t pixel_stride;
  int outputs;  // 1..kTile
  float* y;
  int64_t y_stride;
  const float* residual;
  int64_t residual_stride;
};

/// sum(t) += rows . weights for one vector of channels, in the order of taps for every t.
template <int K, int S, bool checked, bool tail>
FI_INLINE void convolve(const Patch<K, S>& patch, const float* weights, int64_t padded, int64_t c,
                        int lanes, f32v (&sum)[kTile]) {
#pragma GCC unroll 1
  for (int i = 0; i < K; ++i, weights += K * padded) {
    if (checked && !patch.rows[i]) continue;
    f32v w[K];
#pragma GCC unroll 8
    for (int j = 0; j < K; ++j) w[j] = load(weights + j * padded);
    const float* x = patch.rows[i] + c;
#pragma GCC unroll 32
    for (int column = 0; column < kColumns<K, S>; ++column, x += patch.pixel_stride) {
      if (checked && !(patch.columns & (1u << column))) continue;
      const f32v value = tail ? load_n(x, lanes) : load(x);
#pragma GCC unroll 8
      for (int t = 0; t < kTile; ++t) {
        const int j = column - t * S;
        if (j >= 0 && j < K) sum[t] = fma(value, w[j], sum[t]);
      }
    }
  }
}

template <int K, int S, bool checked, bool tail>
FI_INLINE void run_vector(const Convolution& convolution, const Patch<K, S>& patch,
                          const Finish& finish, int64_t padded, int64_t c, int lanes) {
  f32v sum[kTile];
#pragma GCC unroll 8
  for (int t = 0; t < kTile; ++t) sum[t] = zero();
  convolve<K, S, checked, tail>(patch, convolution.weights + c, padded, c, lanes, sum);
  const f32v bias =
      convolution.bias ? load_lanes(convolution.bias + c, tail ? lanes : kLanes) : zero();
#pragma GCC unroll 8
  for (int t = 0; t < kTile; ++t) {
    if (checked && t >= patch.outputs) break;
    const float* residual =
        patch.residual ? patch.residual + t * patch.residual_stride + c : nullptr;
    store_lanes(patch.y + t * patch.y_stride + c,
                finish(sum[t], bias, residual, tail ? lanes : kLanes), tail ? lanes : kLanes);
  }
}

template <int K, int S, bool checked>
void run_patch(const Convolution& convolution, const Patch<K, S>& patch, const Finish& finish) {
  const int64_t channels = convolution.output.channels, padded = padded_channels(channels);
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes) {
    run_vector<K, S, checked, false>(convolution, patch, finish, padded, c, kLanes);
  }
  if (c < channels) {
    run_vector<K, S, checked, true>(convolution, patch, finish, padded, c,
                                    static_cast<int>(channels - c));
  }
  if (is_curve(convolution.activation.kind)) activate_pixels(convolution, patch.y, patch.outputs);
}

template <int K, int S>
FI_INLINE void run_row(const Convolution& convolution, int64_t n, int64_t oy,
                       const Finish& finish) {
  const Window& window = convolution.window;
  const Image<const float>& input = convolution.input;
  const int64_t top = oy * S - window.pad_top;
  const Span inside_rows = inside(top, 1, K, input.height);
  const bool all_rows = inside_rows.begin == 0 && inside_rows.end == K;
  Patch<K, S> patch{};
  patch.pixel_stride = input.pixel_stride;
  patch.y_stride = convolution.output.pixel_stride;
  patch.residual_stride = convolution.residual.pixel_stride;
  for (int64_t ox = 0; ox < convolution.output.width; ox += kTile) {
    const int64_t left = ox * S - window.pad_left;
    const Span columns = inside(left, 1, kColumns<K, S>, input.width);
    const float* corner =
        input.data + n * input.batch_stride + top * input.row_stride + left * input.pixel_stride;
    for (int i = 0; i < K; ++i) {
      patch.rows[i] =
          i >= inside_rows.begin && i < inside_rows.end ? corner + i * input.row_stride : nullptr;
    }
    const int64_t rest = convolution.output.width - ox;
    patch.outputs = rest < kTile ? static_cast<int>(rest) : kTile;
    patch.columns = static_cast<uint32_t>((1ull << columns.end) - (1ull << columns.begin));
    patch.y = convolution.output.pixel(n, oy, ox);
    patch.residual = convolution.residual.data ? convolution.residual.pixel(n, oy, ox) : nullptr;
    const bool interior =
        all_rows && columns.begin == 0 && columns.end == kColumns<K, S> && rest >= kTile;
    if (interior) {
      run_patch<K, S, false>(convolution, patch, finish);
    } else {
      run_patch<K, S, true>(convolution, patch, finish);
    }
  }
}

template <int K, int S>
void run_tiled(const Convolution& convolution, const RowRange& rows) {
  const Finish finish(convolution.activation);
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t oy = rows.begin; oy < rows.end; ++oy) run_row<K, S>(convolution, n, oy, finish);
  }
}

}  // namespace
}  // namespace fi::depthwise
