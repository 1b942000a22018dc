// K x K windows: 7 output pixels of several lines at once, vectors over channels. An input is
// loaded once and multiplied into every output of the tile that it belongs to. Sums are in the
// order of taps, whatever the tile, so lines may be taken together in any way.
//
// Lines and columns of the output that are the dilation apart make a phase. It reads every
// dilation-th line and column: a convolution without dilation, of longer strides. Include after
// FI_VEC_H.
#pragma once

#include "kernels/depthwise/means.inl"
#include "kernels/span.h"

namespace fi::depthwise {
namespace {

/// Output pixels of a line of a tile. Multiples of 7 divide the widths of most networks.
constexpr int kWide = 7;

/// Lines of a tile: as many as the registers hold sums of, beside an input and the weights of a row
/// for each line (of 3 x 3 windows: all nine weights).
#if defined(__AVX512F__) || defined(__aarch64__)
template <int K>
constexpr int kLines = K == 3 ? 3 : 2;
#else
template <int K>
constexpr int kLines = 1;
#endif

/// Columns under a tile, of which a window at the border misses up to K / 2 on either side.
template <int K, int S>
constexpr int kUnder = (kWide - 1) * S + K;

/// A tile: the input that it reads and the outputs that it writes. Strides in elements.
struct Tile {
  const float* x;  // row 0, column 0, which may be outside
  int64_t row_step, step;
  Span rows;         // those that are inside
  uint32_t columns;  // bit i: inside
  int outputs;       // of a line: 1..kWide
  const float* weights;
  const float* bias;
  float* y;
  int64_t y_row_step, y_step;
  const float* residual;
  int64_t residual_row_step, residual_step;
  RowMean mean;
  bool sums;  // whether registers hold what the mean is of: not before a curve
};

template <int K>
FI_INLINE void load_taps(const float* weights, f32v (&w)[K]) {
#pragma GCC unroll 8
  for (int j = 0; j < K; ++j) w[j] = load(weights + j * kChannelPad);
}

/// sum(l, t) += inputs * w(l) over one row of the input, for lines [first, last). any: each column
/// may be outside; otherwise the outer K / 2.
template <int K, int S, int L, bool any, bool tail>
FI_INLINE void sweep_lines(const Tile& tile, const float* x, int lanes, int first, int last,
                           const f32v (&w)[L][K], f32v (&sum)[L][kWide]) {
  const int64_t step = hold_scalar(tile.step);
  const uint32_t columns = hold_scalar(tile.columns);
#pragma GCC unroll 20
  for (int column = 0; column < kUnder<K, S>; ++column, x += step) {
    const bool inner = column >= K / 2 && column < kUnder<K, S> - K / 2;
    if ((any || !inner) && !(columns & (1u << column))) continue;
    f32v value = tail ? load_n(x, lanes) : load(x);
    hold(value);
#pragma GCC unroll 4
    for (int l = first; l < last; ++l) {
#pragma GCC unroll 8
      for (int t = 0; t < kWide; ++t) {
        const int j = column - t * S;
        if (j >= 0 && j < K) sum[l][t] = fma(value, w[l][j], sum[l][t]);
      }
    }
  }
}

/// The rows of a tile that are in `rows`, which lines [first, last) share.
template <int K, int S, int L, bool any, bool tail>
FI_INLINE void sweep_rows(const Tile& tile, int64_t c, int lanes, Span rows, int first, int last,
                          const float* weights, f32v (&sum)[L][kWide]) {
  const int64_t begin = rows.begin > tile.rows.begin ? rows.begin : tile.rows.begin;
  const int64_t end = rows.end < tile.rows.end ? rows.end : tile.rows.end;
  const float* x = tile.x + begin * tile.row_step + c;
#pragma GCC unroll 1
  for (int64_t i = begin; i < end; ++i, x += tile.row_step) {
    f32v w[L][K];
#pragma GCC unroll 4
    for (int l = first; l < last; ++l) load_taps(weights + (i - l * S) * K * kChannelPad, w[l]);
    sweep_lines<K, S, L, any, tail>(tile, x, lanes, first, last, w, sum);
  }
}

template <int K, int S, int L, bool any, bool tail>
FI_INLINE void convolve_lines(const Tile& tile, int64_t c, int lanes, f32v (&sum)[L][kWide]) {
  const float* weights = tile.weights + packed_channel(c, K * K);
  if constexpr (L == 1) {
    sweep_rows<K, S, L, any, tail>(tile, c, lanes, {0, K}, 0, 1, weights, sum);
  } else if constexpr (K > 3) {
    static_assert(L == 2);
    sweep_rows<K, S, L, any, tail>(tile, c, lanes, {0, S}, 0, 1, weights, sum);
    sweep_rows<K, S, L, any, tail>(tile, c, lanes, {S, K}, 0, 2, weights, sum);
    sweep_rows<K, S, L, any, tail>(tile, c, lanes, {K, K + S}, 1, 2, weights, sum);
  } else {
    f32v taps[K][K];
#pragma GCC unroll 4
    for (int i = 0; i < K; ++i) load_taps(weights + i * K * kChannelPad, taps[i]);
    const float* x = tile.x + c;
#pragma GCC unroll 8
    for (int i = 0; i < (L - 1) * S + K; ++i, x += tile.row_step) {
      if (i < tile.rows.begin || i >= tile.rows.end) continue;
      const int first = i < K ? 0 : (i - K) / S + 1, last = i / S < L ? i / S + 1 : L;
      f32v w[L][K];
#pragma GCC unroll 4
      for (int l = first; l < last; ++l) {
#pragma GCC unroll 4
        for (int j = 0; j < K; ++j) w[l][j] = taps[i - l * S][j];
      }
      sweep_lines<K, S, L, any, tail>(tile, x, lanes, first, last, w, sum);
    }
  }
}

template <int K, int S, int L, bool any, bool tail>
FI_INLINE void run_lines_vector(const Tile& tile, const Finish& finish, int64_t c, int some) {
  const int lanes = tail ? some : kLanes, outputs = any ? tile.outputs : kWide;
  const f32v bias = tile.bias ? load_lanes(tile.bias + c, lanes) : zero();
  f32v sum[L][kWide];
#pragma GCC unroll 4
  for (int l = 0; l < L; ++l) {
#pragma GCC unroll 8
    for (int t = 0; t < kWide; ++t) sum[l][t] = bias;
  }
  convolve_lines<K, S, L, any, tail>(tile, c, lanes, sum);
  const float* residual = tile.residual ? tile.residual + c : nullptr;
#pragma GCC unroll 4
  for (int l = 0; l < L; ++l) {
    finish(sum[l], residual, hold_scalar(tile.residual_step), outputs, lanes);
    store_pixels(sum[l], tile.y + l * tile.y_row_step + c, hold_scalar(tile.y_step), outputs,
                 lanes);
    if (tile.sums) tile.mean.add_pixels(sum[l], outputs, l, c, lanes);
    if (residual) residual += tile.residual_row_step;
  }
}

/// Channels [c, end).
template <int K, int S, int L, bool any>
__attribute__((noinline)) void run_tile(const Tile& tile, const Finish& finish, int64_t c,
                                        int64_t end) {
  for (; c + kLanes <= end; c += kLanes)
    run_lines_vector<K, S, L, any, false>(tile, finish, c, kLanes);
  if (c < end) run_lines_vector<K, S, L, any, true>(tile, finish, c, static_cast<int>(end - c));
}

/// Some lines of one phase, from line oy on: every row_phases-th, of which `phases` phases.
struct Lines {
  int64_t n, oy;
  int64_t row_phases, phases;
  Span channels;
};

template <int K, int S, int L>
FI_INLINE void run_lines_phase(const Convolution& convolution, const Lines& lines, int64_t phase,
                               Tile& tile, const Finish& finish) {
  const Window& window = convolution.window;
  const Image<const float>& input = convolution.input;
  const Image<float>& output = convolution.output;
  const int64_t top = lines.oy * window.stride_h - window.pad_top;
  const int64_t count = (output.width - phase + lines.phases - 1) / lines.phases;
  const bool curve = is_curve(convolution.activation.kind);
  const uint32_t inner = (1u << (kUnder<K, S> - K / 2)) - (1u << (K / 2));
  for (int64_t first = 0; first < count; first += kWide) {
    // Tiles may overlap, so that the last one is whole; but not where a residual may be in place,
    // nor where pixels are summed.
    const bool apart = convolution.residual.data || convolution.means.data;
    const bool shift = count >= kWide && count - first < kWide && !apart;
    const int64_t begin = shift ? count - kWide : first, rest = count - begin;
    const int64_t ox = phase + begin * lines.phases;
    const int64_t left = ox * window.stride_w - window.pad_left;
    const Span columns = inside(left, window.dilation_w, kUnder<K, S>, input.width);
    tile.columns = static_cast<uint32_t>((1u << columns.end) - (1u << columns.begin));
    tile.x = input.data + lines.n * input.batch_stride + top * input.row_stride +
             left * input.pixel_stride;
    tile.outputs = rest < kWide ? static_cast<int>(rest) : kWide;
    tile.y = output.pixel(lines.n, lines.oy, ox);
    tile.residual =
        convolution.residual.data ? convolution.residual.pixel(lines.n, lines.oy, ox) : nullptr;
    tile.mean.begins = ox == 0;
    if (rest >= kWide && (tile.columns & inner) == inner) {
      run_tile<K, S, L, false>(tile, finish, lines.channels.begin, lines.channels.end);
    } else {
      run_tile<K, S, L, true>(tile, finish, lines.channels.begin, lines.channels.end);
    }
    for (int l = 0; l < L && curve; ++l) {
      finish_pixels(convolution.activation, lines.channels.begin, lines.channels.end, tile.outputs,
                    tile.y + l * tile.y_row_step, tile.y_step, tile.mean, l);
    }
  }
}

/// `count` lines, at most L.
template <int K, int S, int L>
FI_INLINE void run_some_lines(const Convolution& convolution, const Lines& lines, int64_t count,
                              const Finish& finish) {
  if constexpr (L > 1) {
    if (count < L) return run_some_lines<K, S, L - 1>(convolution, lines, count, finish);
  }
  const Window& window = convolution.window;
  Tile tile{};
  tile.row_step = window.dilation_h * convolution.input.row_stride;
  tile.step = window.dilation_w * convolution.input.pixel_stride;
  tile.rows = inside(lines.oy * window.stride_h - window.pad_top, window.dilation_h,
                     (L - 1) * S + K, convolution.input.height);
  tile.weights = convolution.weights;
  tile.bias = convolution.bias;
  tile.y_row_step = convolution.output.row_stride * lines.row_phases;
  tile.y_step = convolution.output.pixel_stride * lines.phases;
  tile.residual_row_step = convolution.residual.row_stride * lines.row_phases;
  tile.residual_step = convolution.residual.pixel_stride * lines.phases;
  tile.mean = mean_of_row(convolution, lines.n, lines.oy, lines.row_phases);
  tile.sums = tile.mean.row && !is_curve(convolution.activation.kind);
  for (int64_t phase = 0; phase < lines.phases && phase < convolution.output.width; ++phase)
    run_lines_phase<K, S, L>(convolution, lines, phase, tile, finish);
}

/// Where the rows of the image are long, channels are taken in blocks, of which the input rows of a
/// window and the output row stay in L1. Blocks of few channels would read memory in
/// pieces too small: then all channels are taken together.
constexpr int64_t kBlockBytes = 28 << 10, kLeastChannels = 48;

/// Channels that are run over all rows before the next.
FI_INLINE int64_t block_channels(const Convolution& convolution) {
  const int64_t channels = convolution.input.channels;
  const int64_t lines = (convolution.window.kernel_h + 1) * convolution.input.width;
  const int64_t fit = kBlockBytes / (lines * static_cast<int64_t>(sizeof(float)));
  if (fit < kLeastChannels || fit >= channels) return channels;
  const int64_t blocks = (channels + fit - 1) / fit;
  return padded_channels((channels + blocks - 1) / blocks);
}

/// Of `rest` lines, how many to take next: a last single line would leave units idle.
template <int L>
FI_INLINE int64_t next_lines(int64_t rest) {
  return rest > L && rest < 2 * L ? (rest + 1) / 2 : rest < L ? rest : L;
}

/// Windows of K x K and stride S; those of stride 1 of any dilation, others of none.
template <int K, int S>
void run_lines(const Convolution& convolution, const RowRange& rows) {
  const Finish finish(convolution.activation);
  const int64_t channels = convolution.input.channels, block = block_channels(convolution);
  const int64_t row_phases = convolution.window.dilation_h, phases = convolution.window.dilation_w;
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t c = 0; c < channels; c += block) {
      const Span part{c, c + block < channels ? c + block : channels};
      for (int64_t first = rows.begin; first < rows.end && first < rows.begin + row_phases;
           ++first) {
        int64_t rest = (rows.end - first + row_phases - 1) / row_phases, oy = first;
        while (rest > 0) {
          const int64_t count = next_lines<kLines<K>>(rest);
          run_some_lines<K, S, kLines<K>>(convolution, {n, oy, row_phases, phases, part}, count,
                                          finish);
          rest -= count;
          oy += count * row_phases;
        }
      }
    }
  }
}

}  // namespace
}  // namespace fi::depthwise
