// A tile: kTile output pixels of a row, one vector of outputs. Windows of K x K taps of stride S
// are swept by columns: an input is loaded once and multiplied into every output of the tile that
// it belongs to. Windows of any other form are taken tap by tap (K = S = 1). Include after
// FI_VEC_H.
#pragma once

#include "kernels/grouped/inputs.inl"
#include "kernels/span.h"

namespace fi::grouped {
namespace {

/// As many sums as the registers hold beside K weights and an input. Multiples of 7 divide the
/// widths of most networks.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kTile = 14;  // of 32 registers
#else
constexpr int kTile = 7;  // of 16 registers
#endif

template <int K, int S>
constexpr int kColumns = (kTile - 1) * S + K;  // input columns under a tile

/// Packed weights of a block of vectors that is run over all rows stay within half of a small L1.
constexpr int64_t kWeightBytes = 16 << 10;

/// Input columns of a tile that are inside; bit c: column c.
FI_INLINE uint32_t column_bits(const Span& span) {
  return static_cast<uint32_t>((1ull << span.end) - (1ull << span.begin));
}

/// A tile of all vectors of outputs, and what it needs of the convolution.
struct Tile {
  const Convolution* convolution;
  const Layout* layout;
  int64_t n, oy, ox;
  Span rows;         // taps of the window that are inside
  uint32_t columns;  // made for a window: inside
  int outputs;       // 1..kTile

  FI_INLINE const float* row(int64_t i) const {
    const Window& w = convolution->window;
    const int64_t y = oy * w.stride_h - w.pad_top + i * w.dilation_h;
    const Image<const float>& input = convolution->input;
    return input.data + n * input.batch_stride + y * input.row_stride;
  }
  FI_INLINE int64_t left() const {
    return ox * convolution->window.stride_w - convolution->window.pad_left;
  }
};

/// sum(t) += inputs(column) * weights, in the order of columns.
template <int K, int S, bool checked, class Inputs>
FI_INLINE void sweep(const Inputs& inputs, const float* x, int64_t pixel_stride, uint32_t bits,
                     const float* weights, f32v (&sum)[kTile]) {
  const int64_t stride = hold_scalar(pixel_stride);
  const uint32_t columns = hold_scalar(bits);
  f32v w[K];
#pragma GCC unroll 8
  for (int j = 0; j < K; ++j) w[j] = load(weights + j * kLanes);
#pragma GCC unroll 32
  for (int column = 0; column < kColumns<K, S>; ++column, x += stride) {
    if (checked && !(columns & (1u << column))) continue;
    f32v value = inputs(x);
    hold(value);
#pragma GCC unroll 16
    for (int t = 0; t < kTile; ++t) {
      const int j = column - t * S;
      if (j >= 0 && j < K) sum[t] = fma(value, w[j], sum[t]);
    }
  }
}

/// A window of K x K taps and stride S.
template <int K, int S, bool checked, bool tail, class Source>
FI_INLINE void convolve_window(const Source& source, const Tile& tile, const Part& part,
                               const float* weights, f32v (&sum)[kTile]) {
  const int64_t stride = tile.convolution->input.pixel_stride;
  const int64_t steps = tile.layout->channels.inputs, row_weights = steps * K * kLanes;
  const int64_t left = tile.left() * stride + part.input;
#pragma GCC unroll 1
  for (int64_t i = tile.rows.begin; i < tile.rows.end; ++i) {
    const float* x = tile.row(i) + left;
    const float* w = weights + i * row_weights;
    source.template for_each_step<tail>(
        steps, part.input_lanes, [&](const auto& inputs) FI_INLINE_LAMBDA {
          sweep<K, S, checked>(inputs, x, stride, tile.columns, w, sum);
          w += K * kLanes;
        });
  }
}

/// Any window, tap by tap.
template <bool checked, bool tail, class Source>
FI_INLINE void convolve_taps(const Source& source, const Tile& tile, const Part& part,
                             const float* weights, f32v (&sum)[kTile]) {
  const Window& window = tile.convolution->window;
  const Image<const float>& input = tile.convolution->input;
  const int64_t stride = input.pixel_stride * window.stride_w;
  const int64_t steps = tile.layout->channels.inputs;
#pragma GCC unroll 1
  for (int64_t i = tile.rows.begin; i < tile.rows.end; ++i) {
    const float* row = tile.row(i) + part.input;
#pragma GCC unroll 1
    for (int64_t j = 0; j < window.kernel_w; ++j) {
      const int64_t left = tile.left() + j * window.dilation_w;
      uint32_t columns = 0;
      if (checked) columns = column_bits(inside(left, window.stride_w, tile.outputs, input.width));
      const float* x = row + left * input.pixel_stride;
      const float* w = weights + (i * window.kernel_w + j) * steps * kLanes;
      source.template for_each_step<tail>(
          steps, part.input_lanes, [&](const auto& inputs) FI_INLINE_LAMBDA {
            sweep<1, 1, checked>(inputs, x, stride, columns, w, sum);
            w += kLanes;
          });
    }
  }
}

template <int K, int S, bool checked, bool tail, class Source>
FI_INLINE void run_vector(const Source& source, const Tile& tile, const Part& part,
                          const float* weights, const Finish& finish) {
  const Convolution& convolution = *tile.convolution;
  const int lanes = part.lanes;  // a tail is of inputs
  const f32v bias = convolution.bias ? load_lanes(convolution.bias + part.output, lanes) : zero();
  f32v sum[kTile];
#pragma GCC unroll 16
  for (int t = 0; t < kTile; ++t) sum[t] = bias;
  if constexpr (K == 0) {
    convolve_taps<checked, tail>(source, tile, part, weights, sum);
  } else {
    convolve_window<K, S, checked, tail>(source, tile, part, weights, sum);
  }
  const int64_t y_stride = hold_scalar(convolution.output.pixel_stride),
                residual_stride = hold_scalar(convolution.residual.pixel_stride);
  float* y = convolution.output.pixel(tile.n, tile.oy, tile.ox) + part.output;
  const float* residual = convolution.residual.data
                              ? convolution.residual.pixel(tile.n, tile.oy, tile.ox) + part.output
                              : nullptr;
  const int outputs = checked ? tile.outputs : kTile;
  finish(sum, residual, residual_stride, outputs, lanes);
  store_pixels(sum, y, y_stride, outputs, lanes);
  if (is_curve(convolution.activation.kind))
    activate_pixels(convolution.activation, lanes, outputs, y, y_stride);
}

/// Vectors [begin, end) of outputs of a tile.
template <int K, int S, bool checked, class Source>
__attribute__((noinline)) void run_tile(const Source& source, const Tile& tile, int64_t begin,
                                        int64_t end, const Finish finish) {
  const Layout& layout = *tile.layout;
  const int64_t vector_weights = tile.convolution->window.taps() * layout.channels.inputs * kLanes;
  for (int64_t v = begin; v < end; ++v) {
    const Part part = layout.part(v);
    const float* weights = tile.convolution->weights + v * vector_weights;
    if (Source::permutes && part.input_lanes < kLanes) {
      run_vector<K, S, checked, true>(source, tile, part, weights, finish);
    } else {
      run_vector<K, S, checked, false>(source, tile, part, weights, finish);
    }
  }
}

/// Whether every tap of every output of the tile is inside.
template <int K, int S>
FI_INLINE bool is_whole(const Tile& tile) {
  const Window& w = tile.convolution->window;
  const int64_t left = tile.left();
  const int64_t reach =
      left + (kTile - 1) * w.stride_w + static_cast<int64_t>(w.kernel_w - 1) * w.dilation_w;
  return tile.outputs == kTile && left >= 0 && reach < tile.convolution->input.width;
}

template <class Source, int K, int S>
FI_INLINE void run_row(const Source& source, Tile& tile, int64_t begin, int64_t end,
                       const Finish& finish) {
  const Convolution& convolution = *tile.convolution;
  const Window& w = convolution.window;
  const int64_t top = tile.oy * w.stride_h - w.pad_top, width = convolution.output.width;
  tile.rows = inside(top, w.dilation_h, w.kernel_h, convolution.input.height);
  for (tile.ox = 0; tile.ox < width; tile.ox += kTile) {
    const int64_t rest = width - tile.ox;
    tile.outputs = rest < kTile ? static_cast<int>(rest) : kTile;
    if (K > 0)
      tile.columns = column_bits(inside(tile.left(), 1, kColumns<K, S>, convolution.input.width));
    if (is_whole<K, S>(tile)) {
      run_tile<K, S, false>(source, tile, begin, end, finish);
    } else {
      run_tile<K, S, true>(source, tile, begin, end, finish);
    }
  }
}

/// K = 0: any window.
template <class Source, int K, int S>
void run_rows(const Convolution& convolution, const RowRange& rows) {
  static_assert(kColumns<K, S> <= 32);
  const Channels channels{convolution.groups, convolution.input.channels / convolution.groups,
                          convolution.output.channels / convolution.groups};
  const Layout layout(channels, Source::permutes, kLanes);
  const Source source(layout);
  const Finish finish(convolution.activation);
  const int64_t bytes =
      convolution.window.taps() * channels.inputs * kLanes * static_cast<int64_t>(sizeof(float));
  const int64_t block = bytes < kWeightBytes ? kWeightBytes / (bytes ? bytes : 1) : 1;
  Tile tile{};
  tile.convolution = &convolution;
  tile.layout = &layout;
  for (tile.n = rows.batch_begin; tile.n < rows.batch_end; ++tile.n) {
    for (int64_t begin = 0; begin < layout.vectors; begin += block) {
      const int64_t end = begin + block < layout.vectors ? begin + block : layout.vectors;
      for (tile.oy = rows.begin; tile.oy < rows.end; ++tile.oy)
        run_row<Source, K, S>(source, tile, begin, end, finish);
    }
  }
}

}  // namespace
}  // namespace fi::grouped
