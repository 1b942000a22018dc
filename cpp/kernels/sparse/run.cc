// The loops:
//
//   for each strip of output rows     what it reads is staged in scratch, unless read in place
//     for each tile of its pixels
//       for each chunk of channels    what a tile reads of it stays in L1
//         the micro-kernel            every output channel of the panel
#include <algorithm>

#include "cpu/cache.h"
#include "kernels/sparse/packed.h"
#include "kernels/sparse/sparse.h"

namespace fi::sparse {
namespace {

constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kLine = 16;        // floats of a cache line
constexpr int64_t kLeastPanel = 32;  // outputs below which a panel is not worth its reading
constexpr int64_t kTasksPerThread = 4;
constexpr double kMostPitch = 1.25;  // beside the width

int64_t rounded_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }
int64_t quotient_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit; }

bool reads_in_place(const Shape& s) {
  const Window& w = s.window;
  return w.taps() == 1 && w.stride_h == 1 && w.stride_w == 1 && w.pad_top == 0 && w.pad_left == 0 &&
         s.out_height == s.height && s.out_width == s.width;
}

/// Rows from the first tap row to the last, in planes of a stride's phase.
int64_t extra_rows(const Window& w) {
  return static_cast<int64_t>(w.kernel_h - 1) * w.dilation_h / w.stride_h;
}

int64_t staged_channel(const Layer& layer) {
  const int64_t floats =
      layer.shape.window.kernel_w * layer.phases * layer.plane_rows * layer.pitch;
  return (rounded_up(floats, kLine) / kLine | 1) * kLine;  // odd: not all in the same sets
}

/// Whole vectors where that leaves few pixels between rows empty, and those are cache lines: any
/// load that is not aligned then straddles two, and takes twice as long. Measured: not where every
/// other row is aligned as it is.
int64_t pitch_of(const Layer& layer) {
  const int64_t width = layer.shape.out_width;
  if (layer.kernel->lanes < kLine || width % (kLine / 2) == 0) return width;
  const int64_t whole = rounded_up(width, kLine);
  return static_cast<double>(whole) <= kMostPitch * static_cast<double>(width) ? whole : width;
}

/// As many rows as half of L2 holds.
void plan_strips(Layer* layer) {
  const Shape& s = layer->shape;
  layer->pitch = pitch_of(*layer);
  layer->phases = std::min<int64_t>(
      s.window.stride_h, static_cast<int64_t>(s.window.kernel_h - 1) * s.window.dilation_h + 1);
  const int64_t extra = extra_rows(s.window);
  const int64_t row = s.inputs * s.window.kernel_w * layer->phases * layer->pitch * kFloat;
  const int64_t fitting = cpu::cache_sizes().l2 / 2 / std::max<int64_t>(row, 1) - extra;
  const int64_t most = std::clamp<int64_t>(fitting, 1, std::max<int64_t>(s.out_height, 1));
  const int64_t strips = std::max<int64_t>(quotient_up(s.out_height, most), 1);
  layer->strip_rows = std::max<int64_t>(quotient_up(s.out_height, strips), 1);
  layer->plane_rows = layer->strip_rows + extra;
  layer->channel_stride = staged_channel(*layer);
}

/// Bytes of one input channel that a tile reads.
int64_t touched_bytes(const Layer& layer, int64_t pixels) {
  const Window& w = layer.shape.window;
  if (layer.direct) return pixels * kFloat;
  return w.kernel_w * layer.phases * (pixels + extra_rows(w) * layer.pitch) * kFloat;
}

/// Chunks of which a tile keeps its inputs in L1. Measured: half of it where lines of staged rows
/// are read in part.
void plan_tiles(Layer* layer) {
  const Kernel& kernel = *layer->kernel;
  const int64_t l1 = static_cast<int64_t>(cpu::cache_sizes().l1d);
  const int64_t near = layer->direct ? l1 : l1 / 2;
  const int64_t inputs = std::max<int64_t>(layer->shape.inputs, 1);
  const int64_t strip = layer->pitch * layer->strip_rows;
  layer->tile_vectors = kernel.vectors;
  const int64_t pixels = std::min(strip, layer->tile_vectors * int64_t{kernel.lanes});
  const int64_t touched = std::max<int64_t>(touched_bytes(*layer, pixels), 1);
  const int64_t chunks = quotient_up(inputs, std::max<int64_t>(near / touched, 1));
  layer->chunk_channels = quotient_up(inputs, chunks);
}

/// Parts of the output channels where there are too few pixels for the threads.
int64_t panels_of(const Layer& layer, int threads) {
  if (threads <= 1) return 1;
  const Shape& s = layer.shape;
  const int64_t pixels = layer.tile_vectors * layer.kernel->lanes;
  const int64_t parts = std::max<int64_t>(
      1, s.batch * std::min(quotient_up(s.out_height * s.out_width, pixels), s.out_height));
  const int64_t wanted = quotient_up(kTasksPerThread * threads, parts);
  return std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, s.outputs / kLeastPanel));
}

/// A run of pixels: where they are read and written.
struct Run {
  const float* x;
  float* y;
  const float* residual;
  int64_t pixels;  // with a pitch: of rows of that length
  int64_t pitch = 0;
};

void run_pixels(const Layer& layer, const Packed& packed, int64_t panel, const Run& run,
                Tile tile) {
  const int64_t lanes = layer.kernel->lanes, vectors = quotient_up(run.pixels, lanes);
  const int64_t tiles = quotient_up(vectors, layer.tile_vectors), chunks = layer.chunks();
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t begin = vectors * t / tiles * lanes;
    const int64_t end = std::min(vectors * (t + 1) / tiles * lanes, run.pixels);
    const int64_t done = run.pitch ? 0 : begin;
    tile.x = run.x + begin;
    tile.y = run.y + done;
    tile.residual = run.residual ? run.residual + done : nullptr;
    tile.pitch = static_cast<int32_t>(run.pitch);
    tile.width = static_cast<int32_t>(layer.shape.out_width);
    tile.start = static_cast<int32_t>(begin);
    tile.pixels = static_cast<int32_t>(end - begin);
    for (int64_t chunk = 0; chunk < chunks; ++chunk) {
      tile.first = chunk == 0;
      tile.last = chunk == chunks - 1;
      packed.show(panel, chunk, &tile);
      layer.kernel->run(tile);
    }
  }
}

Tile tile_of(const Convolution& convolution) {
  Tile tile{};
  tile.y_stride = convolution.output.plane_stride;
  tile.residual_stride = convolution.residual.plane_stride;
  tile.bias = convolution.bias;
  tile.activation = convolution.activation;
  return tile;
}

}  // namespace

Layer layer_of(const Kernel& kernel, const Shape& shape, int64_t plane_stride, bool joined,
               int threads) {
  Layer layer{};
  layer.kernel = &kernel;
  layer.shape = shape;
  layer.phases = 1;
  layer.strip_rows = layer.plane_rows = std::max<int64_t>(shape.out_height, 1);
  layer.channel_stride = plane_stride;
  layer.pitch = shape.out_width;
  layer.direct = joined && reads_in_place(shape) &&
                 shape.inputs * plane_stride * kFloat <= INT32_MAX && plane_stride >= 0;
  if (!layer.direct) plan_strips(&layer);
  plan_tiles(&layer);
  layer.panels = panels_of(layer, threads);
  return layer;
}

size_t scratch_bytes(const Layer& layer) {
  if (layer.direct) return 0;
  return static_cast<size_t>((layer.shape.inputs * layer.channel_stride + kSlack) * kFloat);
}

void run(const Layer& layer, const Convolution& convolution, const char* weights, int64_t n,
         int64_t row_begin, int64_t row_end, int64_t panel, char* scratch) {
  const Packed packed(layer, weights);
  const Planes<float>& y = convolution.output;
  const Planes<const float>& residual = convolution.residual;
  const bool joined = y.rows_join() && (!residual.data || residual.rows_join());
  const Tile tile = tile_of(convolution);
  Staging staging{convolution.input,
                  layer.shape.window,
                  y.width,
                  0,
                  0,
                  layer.phases,
                  layer.plane_rows,
                  layer.pitch,
                  reinterpret_cast<float*>(scratch),
                  layer.channel_stride};
  staging.input.data += n * convolution.input.batch_stride;
  for (int64_t begin = row_begin; begin < row_end; begin += layer.strip_rows) {
    const int64_t rows = std::min(layer.strip_rows, row_end - begin);
    const float* x = staging.out;
    if (layer.direct) {
      x = convolution.input.row(n, 0, begin);
    } else {
      staging.row_begin = begin;
      staging.rows = rows;
      layer.kernel->stage(staging);
    }
    const int64_t step = joined ? rows : 1;
    const bool pitched = step > 1 && layer.pitch > y.width;
    for (int64_t row = 0; row < rows; row += step) {
      const Run part{x + row * layer.pitch, y.row(n, 0, begin + row),
                     residual.data ? residual.row(n, 0, begin + row) : nullptr,
                     pitched ? step * layer.pitch : step * y.width, pitched ? layer.pitch : 0};
      run_pixels(layer, packed, panel, part, tile);
    }
  }
}

}  // namespace fi::sparse
