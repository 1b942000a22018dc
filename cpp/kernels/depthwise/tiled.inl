// kTile output pixels of a row at once, vectors over channels. Some taps of a row of the window are
// swept together: an input column is loaded once and multiplied into every output of the tile that
// it belongs to. Tiles at the border test each column, and read only those that exist.
//
// A row of outputs is taken in phases, such that neighbouring outputs of a phase are a multiple of
// the dilation apart: then taps and outputs step over the same columns, `step` pixels apart, S of
// them from output to output. Include after FI_VEC_H.
#pragma once

#include "kernels/depthwise/lines.inl"

namespace fi::depthwise {
namespace {

/// Output pixels of a tile: as many sums as the registers hold beside the weights of the taps that
/// are swept together and an input. Multiples of 7 divide the widths of most networks.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTile = 14;  // of 32 registers
#else
constexpr int kTile = 7;  // of 16 registers
#endif

/// Columns under a tile, of K taps.
template <int K, int S>
constexpr int kColumns = (kTile - 1) * S + K;

/// A tile: the patch of input that it reads and the outputs that it writes. Strides in elements.
struct Patch {
  const float* x;  // row `row` of the window, column 0
  int64_t row_step, step;
  int64_t row, rows;  // the rows of the window that are inside: `rows` of them, from `row`
  int64_t kernel_w, taps;
  Span columns;  // those that are inside
  int outputs;   // 1..kTile
  const float* weights;
  const float* bias;
  float* y;
  int64_t y_step;
  const float* residual;
  int64_t residual_step;
};

/// Bit c: column first + c is inside.
FI_INLINE uint64_t column_bits(const Span& columns, int64_t first, int count) {
  int64_t begin = columns.begin - first, end = columns.end - first;
  begin = begin < 0 ? 0 : begin;
  end = end < count ? end : count;
  return begin < end ? (uint64_t{1} << end) - (uint64_t{1} << begin) : 0;
}

/// sum(t) += inputs * weights for K taps of a row and one vector of channels.
template <int K, int S, bool checked, bool tail>
FI_INLINE void sweep(const float* x, int64_t pixel_step, uint64_t bits, const float* weights,
                     int lanes, f32v (&sum)[kTile]) {
  const int64_t step = hold_scalar(pixel_step);
  const uint64_t columns = hold_scalar(bits);
  f32v w[K];
#pragma GCC unroll 8
  for (int j = 0; j < K; ++j) w[j] = load(weights + j * kChannelPad);
#pragma GCC unroll 40
  for (int column = 0; column < kColumns<K, S>; ++column, x += step) {
    if (checked && !(columns & (uint64_t{1} << column))) continue;
    f32v value = tail ? load_n(x, lanes) : load(x);
    hold(value);
#pragma GCC unroll 16
    for (int t = 0; t < kTile; ++t) {
      const int j = column - t * S;
      if (j >= 0 && j < K) sum[t] = fma(value, w[j], sum[t]);
    }
  }
}

/// K taps from tap j on.
template <int K, int S, bool checked, bool tail>
FI_INLINE void sweep_from(const Patch& patch, int64_t j, const float* row, const float* weights,
                          int lanes, f32v (&sum)[kTile]) {
  const uint64_t columns = checked ? column_bits(patch.columns, j, kColumns<K, S>) : 0;
  sweep<K, S, checked, tail>(row + j * patch.step, patch.step, columns, weights + j * kChannelPad,
                             lanes, sum);
}

/// A row of the window, whatever its width: some taps after the other.
template <int S, bool checked, bool tail>
FI_INLINE void sweep_row(const Patch& patch, const float* row, const float* weights, int lanes,
                         f32v (&sum)[kTile]) {
  const int64_t taps = patch.kernel_w;
  int64_t j = 0;
#pragma GCC unroll 1
  for (; j + 7 <= taps; j += 7) sweep_from<7, S, checked, tail>(patch, j, row, weights, lanes, sum);
  if (j + 5 <= taps) {
    sweep_from<5, S, checked, tail>(patch, j, row, weights, lanes, sum);
    j += 5;
  }
  if (j + 3 <= taps) {
    sweep_from<3, S, checked, tail>(patch, j, row, weights, lanes, sum);
    j += 3;
  }
#pragma GCC unroll 1
  for (; j < taps; ++j) sweep_from<1, S, checked, tail>(patch, j, row, weights, lanes, sum);
}

/// sum(t) += patch * weights in the order of taps for every t.
template <int S, bool checked, bool tail>
FI_INLINE void convolve(const Patch& patch, int64_t c, int lanes, f32v (&sum)[kTile]) {
  const int64_t row_weights = patch.kernel_w * kChannelPad;
  const float* weights = patch.weights + packed_channel(c, patch.taps) + patch.row * row_weights;
  const float* row = patch.x + c;
#pragma GCC unroll 1
  for (int64_t i = 0; i < patch.rows; ++i, row += patch.row_step, weights += row_weights)
    sweep_row<S, checked, tail>(patch, row, weights, lanes, sum);
}

template <int S, bool checked, bool tail>
FI_INLINE void run_vector(const Patch& patch, const Finish& finish, int64_t c, int some) {
  const int lanes = tail ? some : kLanes, outputs = checked ? patch.outputs : kTile;
  const f32v bias = patch.bias ? load_lanes(patch.bias + c, lanes) : zero();
  f32v sum[kTile];
#pragma GCC unroll 16
  for (int t = 0; t < kTile; ++t) sum[t] = bias;
  convolve<S, checked, tail>(patch, c, lanes, sum);
  finish(sum, patch.residual ? patch.residual + c : nullptr, hold_scalar(patch.residual_step),
         outputs, lanes);
  store_pixels(sum, patch.y + c, hold_scalar(patch.y_step), outputs, lanes);
}

/// Channels [c, end).
template <int S, bool checked>
__attribute__((noinline)) void run_patch(const Patch patch, const Finish finish, int64_t c,
                                         int64_t end) {
  for (; c + kLanes <= end; c += kLanes) run_vector<S, checked, false>(patch, finish, c, kLanes);
  if (c < end) run_vector<S, checked, true>(patch, finish, c, static_cast<int>(end - c));
}

/// Channels [begin, end) of the outputs phase, phase + phases, ... of a row.
template <int S>
FI_INLINE void run_phase(const Convolution& convolution, Patch& patch, int64_t n, int64_t oy,
                         int64_t phase, int64_t phases, Span channels, const Finish& finish) {
  const Window& window = convolution.window;
  const Image<const float>& input = convolution.input;
  const float* const first_row = patch.x;
  const int64_t dilation = window.dilation_w;
  RowMean mean = mean_of_row(convolution, n, oy, 1);
  const int64_t under = (kTile - 1) * S + patch.kernel_w;
  for (int64_t ox = phase; ox < convolution.output.width; ox += kTile * phases) {
    const int64_t left = ox * window.stride_w - window.pad_left;
    const int64_t rest = (convolution.output.width - ox + phases - 1) / phases;
    patch.columns = inside(left, dilation, under, input.width);
    patch.x = first_row + left * input.pixel_stride;
    patch.outputs = rest < kTile ? static_cast<int>(rest) : kTile;
    patch.y = convolution.output.pixel(n, oy, ox);
    patch.residual = convolution.residual.data ? convolution.residual.pixel(n, oy, ox) : nullptr;
    if (patch.columns.begin == 0 && patch.columns.end == under && rest >= kTile) {
      run_patch<S, false>(patch, finish, channels.begin, channels.end);
    } else {
      run_patch<S, true>(patch, finish, channels.begin, channels.end);
    }
    mean.begins = ox == 0;
    if (mean.row || is_curve(convolution.activation.kind)) {
      finish_pixels(convolution.activation, channels.begin, channels.end, patch.outputs, patch.y,
                    patch.y_step, mean, 0);
    }
  }
  patch.x = first_row;
}

template <int S>
FI_INLINE void run_row(const Convolution& convolution, int64_t n, int64_t oy, int64_t phases,
                       Span channels, const Finish& finish) {
  const Window& window = convolution.window;
  const Image<const float>& input = convolution.input;
  const int64_t top = oy * window.stride_h - window.pad_top;
  const Span rows = inside(top, window.dilation_h, window.kernel_h, input.height);
  Patch patch{};
  patch.row = rows.begin;
  patch.rows = rows.end - rows.begin;
  patch.row_step = window.dilation_h * input.row_stride;
  patch.step = window.dilation_w * input.pixel_stride;
  patch.kernel_w = window.kernel_w;
  patch.taps = window.taps();
  patch.weights = convolution.weights;
  patch.bias = convolution.bias;
  patch.y_step = convolution.output.pixel_stride * phases;
  patch.residual_step = convolution.residual.pixel_stride * phases;
  patch.x = input.data + n * input.batch_stride +
            (top + rows.begin * window.dilation_h) * input.row_stride;
  for (int64_t phase = 0; phase < phases; ++phase)
    run_phase<S>(convolution, patch, n, oy, phase, phases, channels, finish);
}

/// Any window whose horizontal stride is S, or S times a divisor of the dilation.
template <int S>
void run_tiled(const Convolution& convolution, const RowRange& rows) {
  static_assert(kColumns<7, S> <= 64);
  const Finish finish(convolution.activation);
  const int64_t common = convolution.window.stride_w / S;
  const int64_t phases = convolution.window.dilation_w / common;
  const int64_t channels = convolution.input.channels, block = block_channels(convolution);
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t c = 0; c < channels; c += block) {
      const Span part{c, c + block < channels ? c + block : channels};
      for (int64_t oy = rows.begin; oy < rows.end; ++oy)
        run_row<S>(convolution, n, oy, phases, part, finish);
    }
  }
}

}  // namespace
}  // namespace fi::depthwise
