// K x K windows of stride S without dilation: kTile output pixels of a row at once, vectors over
// channels. An input column is loaded once and multiplied into every output of the tile that it
// belongs to; tiles at the border test each row and column of their patch, once per vector, and
// read only those that exist. Include after FI_VEC_H.
#pragma once

#include "kernels/depthwise/depthwise.h"
#include "kernels/span.h"
#include "simd/epilogue.inl"

namespace fi::depthwise {
namespace {

/// Output pixels of a tile: as many sums as the registers hold beside K weights and an input.
/// Multiples of 7 divide the widths of most networks.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTile = 14;  // of 32 registers
#else
constexpr int kTile = 7;  // of 16 registers
#endif

template <int K, int S>
constexpr int kColumns = (kTile - 1) * S + K;  // input columns under a tile

/// A tile: the patch of input that it reads and the outputs that it writes. Strides in elements.
struct Patch {
  const float* x;  // row `row` of the patch, column 0
  int64_t row_stride, pixel_stride;
  int row, rows;     // the rows of the patch that are inside: `rows` of them, from `row`
  uint32_t columns;  // bit j: column j is inside (kColumns is at most 32)
  int outputs;       // 1..kTile
  const float* weights;
  const float* bias;
  float* y;
  int64_t y_stride;
  const float* residual;
  int64_t residual_stride;
};

/// sum(t) += rows . weights for one vector of channels, in the order of taps for every t.
template <int K, int S, bool checked, bool tail>
FI_INLINE void convolve(const Patch& patch, int64_t padded, int64_t c, int lanes,
                        f32v (&sum)[kTile]) {
  const float* weights = patch.weights + patch.row * K * padded + c;
  const float* row = patch.x + c;
  const int rows = checked ? patch.rows : K;
#pragma GCC unroll 1
  for (int i = 0; i < rows; ++i, row += patch.row_stride) {
    const int64_t weight_stride = hold_scalar(padded), stride = hold_scalar(patch.pixel_stride);
    const uint32_t columns = hold_scalar(patch.columns);
    f32v w[K];
#pragma GCC unroll 8
    for (int j = 0; j < K; ++j, weights += weight_stride) w[j] = load(weights);
    const float* x = row;
#pragma GCC unroll 32
    for (int column = 0; column < kColumns<K, S>; ++column, x += stride) {
      if (checked && !(columns & (1u << column))) continue;
      f32v value = tail ? load_n(x, lanes) : load(x);
      hold(value);
#pragma GCC unroll 16
      for (int t = 0; t < kTile; ++t) {
        const int j = column - t * S;
        if (j >= 0 && j < K) sum[t] = fma(value, w[j], sum[t]);
      }
    }
  }
}

template <int K, int S, bool checked, bool tail>
FI_INLINE void run_vector(const Patch& patch, const Finish& finish, int64_t padded, int64_t c,
                          int lanes) {
  const f32v bias = patch.bias ? load_lanes(patch.bias + c, tail ? lanes : kLanes) : zero();
  f32v sum[kTile];
#pragma GCC unroll 16
  for (int t = 0; t < kTile; ++t) sum[t] = bias;
  convolve<K, S, checked, tail>(patch, padded, c, lanes, sum);
  const int64_t y_stride = hold_scalar(patch.y_stride),
                residual_stride = hold_scalar(patch.residual_stride);
  float* y = patch.y + c;
  const float* residual = patch.residual ? patch.residual + c : nullptr;
#pragma GCC unroll 16
  for (int t = 0; t < kTile; ++t) {
    if (checked && t >= patch.outputs) break;
    store_lanes(y, finish(sum[t], residual, tail ? lanes : kLanes), tail ? lanes : kLanes);
    y += y_stride;
    if (residual) residual += residual_stride;
  }
}

template <int K, int S, bool checked>
__attribute__((noinline)) void run_patch(const Patch patch, const Finish finish, int64_t channels) {
  const int64_t padded = padded_channels(channels);
  int64_t c = 0;
  for (; c + kLanes <= channels; c += kLanes)
    run_vector<K, S, checked, false>(patch, finish, padded, c, kLanes);
  if (c < channels)
    run_vector<K, S, checked, true>(patch, finish, padded, c, static_cast<int>(channels - c));
}

template <int K, int S>
FI_INLINE void run_row(const Convolution& convolution, int64_t n, int64_t oy,
                       const Finish& finish) {
  const Window& window = convolution.window;
  const Image<const float>& input = convolution.input;
  const int64_t top = oy * S - window.pad_top, channels = input.channels;
  const Span rows = inside(top, 1, K, input.height);
  Patch patch{};
  patch.row = static_cast<int>(rows.begin);
  patch.rows = static_cast<int>(rows.end - rows.begin);
  patch.row_stride = input.row_stride;
  patch.pixel_stride = input.pixel_stride;
  patch.weights = convolution.weights;
  patch.bias = convolution.bias;
  patch.y_stride = convolution.output.pixel_stride;
  patch.residual_stride = convolution.residual.pixel_stride;
  const float* first_row =
      input.data + n * input.batch_stride + (top + rows.begin) * input.row_stride;
  for (int64_t ox = 0; ox < convolution.output.width; ox += kTile) {
    const int64_t left = ox * S - window.pad_left, rest = convolution.output.width - ox;
    const Span columns = inside(left, 1, kColumns<K, S>, input.width);
    patch.x = first_row + left * input.pixel_stride;
    patch.columns = static_cast<uint32_t>((1ull << columns.end) - (1ull << columns.begin));
    patch.outputs = rest < kTile ? static_cast<int>(rest) : kTile;
    patch.y = convolution.output.pixel(n, oy, ox);
    patch.residual = convolution.residual.data ? convolution.residual.pixel(n, oy, ox) : nullptr;
    if (patch.rows == K && columns.begin == 0 && columns.end == kColumns<K, S> && rest >= kTile) {
      run_patch<K, S, false>(patch, finish, channels);
    } else {
      run_patch<K, S, true>(patch, finish, channels);
    }
    if (is_curve(convolution.activation.kind))
      activate_pixels(convolution.activation, channels, patch.outputs, patch.y, patch.y_stride);
  }
}

template <int K, int S>
void run_tiled(const Convolution& convolution, const RowRange& rows) {
  static_assert(kColumns<K, S> <= 32);
  const Finish finish(convolution.activation);
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t oy = rows.begin; oy < rows.end; ++oy) run_row<K, S>(convolution, n, oy, finish);
  }
}

}  // namespace
}  // namespace fi::depthwise
