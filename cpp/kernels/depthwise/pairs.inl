// 3 x 3 windows of stride 1 where there are 32 registers: 7 output pixels of two rows at once. All
// nine weights stay in registers, and an input is loaded once for up to six products. Sums are in
// the order of taps, as in tiled.inl, so rows may be paired in any way. Include after FI_VEC_H.
#pragma once

#include "kernels/depthwise/tiled.inl"
#include "kernels/name.h"

namespace fi::depthwise {
namespace {

constexpr int kPairTile = 7, kPairColumns = kPairTile + 2, kPairRows = 4;

/// Two rows of outputs and the patch of input under them. Strides in elements.
struct Pair {
  const float* x;  // row 0, column 0, which may be outside
  int64_t row_stride, pixel_stride;
  uint32_t rows, columns;  // bit i: inside
  int outputs, lines;      // 1..kPairTile, 1..2
  const float* weights;
  const float* bias;
  float* y;
  int64_t y_row, y_stride;
  const float* residual;
  int64_t residual_row, residual_stride;
};

template <bool checked, bool tail>
FI_INLINE void convolve_pair(const Pair& pair, int64_t c, int lanes, f32v (&sum)[2][kPairTile]) {
  const float* weights = pair.weights + packed_channel(c, 9);
  f32v w[9];
#pragma GCC unroll 9
  for (int tap = 0; tap < 9; ++tap) w[tap] = load(weights + tap * kChannelPad);
  const float* row = pair.x + c;
#pragma GCC unroll 4
  for (int i = 0; i < kPairRows; ++i, row += pair.row_stride) {
    if (checked && !(pair.rows & (1u << i))) continue;
    const int64_t stride = hold_scalar(pair.pixel_stride);
    const uint32_t columns = hold_scalar(pair.columns);
    const float* x = row;
#pragma GCC unroll 16
    for (int column = 0; column < kPairColumns; ++column, x += stride) {
      if (checked && !(columns & (1u << column))) continue;
      f32v value = tail ? load_n(x, lanes) : load(x);
      hold(value);
#pragma GCC unroll 2
      for (int line = 0; line < 2; ++line) {
#pragma GCC unroll 16
        for (int t = 0; t < kPairTile; ++t) {
          const int down = i - line, right = column - t;
          if (down >= 0 && down < 3 && right >= 0 && right < 3)
            sum[line][t] = fma(value, w[down * 3 + right], sum[line][t]);
        }
      }
    }
  }
}

template <bool checked, bool tail>
FI_INLINE void run_pair_vector(const Pair& pair, const Finish& finish, int64_t c, int some) {
  const int lanes = tail ? some : kLanes, outputs = checked ? pair.outputs : kPairTile;
  const f32v bias = pair.bias ? load_lanes(pair.bias + c, lanes) : zero();
  f32v sum[2][kPairTile];
#pragma GCC unroll 16
  for (int t = 0; t < kPairTile; ++t) sum[0][t] = sum[1][t] = bias;
  convolve_pair<checked, tail>(pair, c, lanes, sum);
  const float* residual = pair.residual ? pair.residual + c : nullptr;
#pragma GCC unroll 2
  for (int line = 0; line < 2; ++line) {
    if (checked && line >= pair.lines) break;
    finish(sum[line], residual, hold_scalar(pair.residual_stride), outputs, lanes);
    store_pixels(sum[line], pair.y + line * pair.y_row + c, hold_scalar(pair.y_stride), outputs,
                 lanes);
    if (residual) residual += pair.residual_row;
  }
}

/// Channels [c, end).
template <bool checked>
__attribute__((noinline)) void run_pair(const Pair pair, const Finish finish, int64_t c,
                                        int64_t end) {
  for (; c + kLanes <= end; c += kLanes) run_pair_vector<checked, false>(pair, finish, c, kLanes);
  if (c < end) run_pair_vector<checked, true>(pair, finish, c, static_cast<int>(end - c));
}

FI_INLINE void run_pair_row(const Convolution& convolution, int64_t n, int64_t oy, int lines,
                            Span channels, const Finish& finish) {
  const Window& window = convolution.window;
  const Image<const float>& input = convolution.input;
  const int64_t top = oy - window.pad_top, width = convolution.output.width;
  const auto bits = [](const Span& span) FI_INLINE_LAMBDA {
    return static_cast<uint32_t>((1u << span.end) - (1u << span.begin));
  };
  Pair pair{};
  pair.row_stride = input.row_stride;
  pair.pixel_stride = input.pixel_stride;
  pair.rows = bits(inside(top, 1, lines + 2, input.height));
  pair.lines = lines;
  pair.weights = convolution.weights;
  pair.bias = convolution.bias;
  pair.y_row = convolution.output.row_stride;
  pair.y_stride = convolution.output.pixel_stride;
  pair.residual_row = convolution.residual.row_stride;
  pair.residual_stride = convolution.residual.pixel_stride;
  const bool all_rows = lines == 2 && pair.rows == (1u << kPairRows) - 1;
  for (int64_t ox = 0; ox < width; ox += kPairTile) {
    const int64_t left = ox - window.pad_left, rest = width - ox;
    pair.columns = bits(inside(left, 1, kPairColumns, input.width));
    pair.x =
        input.data + n * input.batch_stride + top * input.row_stride + left * input.pixel_stride;
    pair.outputs = rest < kPairTile ? static_cast<int>(rest) : kPairTile;
    pair.y = convolution.output.pixel(n, oy, ox);
    pair.residual = convolution.residual.data ? convolution.residual.pixel(n, oy, ox) : nullptr;
    if (all_rows && rest >= kPairTile && pair.columns == (1u << kPairColumns) - 1) {
      run_pair<false>(pair, finish, channels.begin, channels.end);
    } else {
      run_pair<true>(pair, finish, channels.begin, channels.end);
    }
    if (!is_curve(convolution.activation.kind)) continue;
    for (int line = 0; line < lines; ++line) {
      activate_pixels(convolution.activation, channels.end - channels.begin, pair.outputs,
                      pair.y + line * pair.y_row + channels.begin, pair.y_stride);
    }
  }
}

void run_pairs(const Convolution& convolution, const RowRange& rows) {
  const Finish finish(convolution.activation);
  const int64_t channels = convolution.input.channels, block = block_channels(convolution);
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t c = 0; c < channels; c += block) {
      const Span part{c, c + block < channels ? c + block : channels};
      for (int64_t oy = rows.begin; oy < rows.end; oy += 2)
        run_pair_row(convolution, n, oy, oy + 1 < rows.end ? 2 : 1, part, finish);
    }
  }
}

}  // namespace
}  // namespace fi::depthwise
