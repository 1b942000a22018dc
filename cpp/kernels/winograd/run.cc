// The loops: for each block of tiles, its inputs are transformed, every point is multiplied, and
// the products are transformed back:
//
//   for each block of tiles           its points stay in L2 where the channels allow it
//     transform the inputs            t^2 x tiles x inputs
//     for each point                  (tiles x inputs) * (inputs x outputs), by the gemm room
//     transform the outputs           t^2 x tiles x outputs, with the epilogue
#include <algorithm>

#include "base/buffer.h"
#include "cpu/cache.h"
#include "kernels/winograd/winograd.h"

namespace fi::winograd {
namespace {

constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kVector = 16;  // floats of the widest tier's vector
// Rows that a product needs before reading its weights, from beyond L2, is no longer what takes
// the time; and rows beyond which nothing more is gained.
constexpr int64_t kLeastTiles = 64, kMostTiles = 192;

/// Floats from tile to tile, and from point to point: an odd number of cache lines, so that the
/// points of a tile do not fall into the same sets.
int64_t tile_stride(int64_t channels) { return (channels + kVector - 1) / kVector * kVector; }
int64_t point_stride(int64_t tiles, int64_t channels) {
  return (tiles * tile_stride(channels) / kVector | 1) * kVector;
}

struct Scratch {
  int64_t products, gemm, total;  // bytes from the start, where the inputs' points are
};
Scratch scratch_of(const Layer& layer) {
  const auto bytes = [&](int64_t channels) {
    return align_up(layer.points() * point_stride(layer.block_tiles, channels) * kFloat);
  };
  Scratch scratch{};
  scratch.products = bytes(layer.inputs);
  scratch.gemm = scratch.products + bytes(layer.outputs);
  scratch.total = scratch.gemm + align_up(static_cast<int64_t>(layer.gemm->scratch_bytes));
  return scratch;
}

gemm::Product product_of(const Layer& layer, int64_t tiles) {
  gemm::Product product{};
  product.kernel = layer.gemm;
  product.m = tiles;
  product.n = layer.outputs;
  product.k_tap = layer.inputs;
  product.form = gemm::LhsForm::strided;
  product.lhs_row_stride = tile_stride(layer.inputs) * kFloat;
  product.dst_stride = tile_stride(layer.outputs) * kFloat;
  return product;
}

/// Tiles [begin, end) of a shared block: their inputs' points, or their products.
Block block_of(const Layer& layer, const Convolution& convolution, const Shared& shared,
               bool products, int64_t begin, int64_t end) {
  const int64_t channels = products ? layer.outputs : layer.inputs;
  Block block{};
  block.grid = grid_of(convolution, layer.kernel->m);
  block.begin = shared.first + begin;
  block.end = shared.first + end;
  block.tile_stride = tile_stride(channels);
  block.point_stride = point_stride(shared.tiles, channels);
  block.points =
      reinterpret_cast<float*>(shared.memory + (products ? scratch_of(layer).products : 0)) +
      begin * block.tile_stride;
  return block;
}

}  // namespace

Grid grid_of(const Convolution& convolution, int m) {
  const RowRange& rows = convolution.rows;
  const int64_t first = rows.begin / m;
  return {rows.batch_begin, first, rows.batch_end - rows.batch_begin,
          rows.end > rows.begin ? (rows.end + m - 1) / m - first : 0,
          (convolution.output.width + m - 1) / m};
}

int64_t block_tiles(int m, int64_t tiles, int64_t inputs, int64_t outputs) {
  const int64_t points = static_cast<int64_t>(m + 2) * (m + 2);
  const int64_t bytes = points * (tile_stride(inputs) + tile_stride(outputs)) * kFloat;
  const int64_t fitting = cpu::cache_sizes().l2 * 3 / 4 / bytes;
  const int64_t most = std::clamp(fitting, kLeastTiles, kMostTiles);
  const int64_t blocks = std::max<int64_t>(1, (tiles + most - 1) / most);
  constexpr int64_t kUnit = 8;  // rows of the tallest micro-kernel
  const int64_t even = std::max<int64_t>(1, (tiles + blocks - 1) / blocks);
  return blocks == 1 ? even : (even + kUnit - 1) / kUnit * kUnit;
}

Layer layer_of(const Kernel& kernel, FeatureMask gemm_features, int64_t tiles, int64_t inputs,
               int64_t outputs) {
  Layer layer{};
  layer.kernel = &kernel;
  layer.inputs = inputs;
  layer.outputs = outputs;
  layer.block_tiles = block_tiles(kernel.m, tiles, inputs, outputs);
  layer.gemm =
      gemm::best_row(gemm_features, gemm::LhsForm::strided, layer.block_tiles, outputs, inputs);
  if (layer.gemm) layer.blocking = gemm::choose_blocking(product_of(layer, layer.block_tiles));
  return layer;
}

size_t scratch_bytes(const Layer& layer) { return static_cast<size_t>(scratch_of(layer).total); }

void run(const Layer& layer, const Convolution& convolution, const char* packed, int64_t begin,
         int64_t end, char* scratch) {
  for (int64_t tile = begin; tile < end; tile += layer.block_tiles) {
    const Shared shared{tile, std::min(layer.block_tiles, end - tile), scratch};
    transform_inputs(layer, convolution, shared, 0, shared.tiles);
    for (int64_t p = 0; p < layer.points(); ++p)
      multiply(layer, packed, shared, p, 0, layer.outputs, scratch);
    transform_outputs(layer, convolution, shared, 0, shared.tiles);
  }
}

void transform_inputs(const Layer& layer, const Convolution& convolution, const Shared& shared,
                      int64_t begin, int64_t end) {
  layer.kernel->input(convolution, block_of(layer, convolution, shared, false, begin, end));
}

void multiply(const Layer& layer, const char* packed, const Shared& shared, int64_t point,
              int64_t n_begin, int64_t n_end, char* scratch) {
  const Scratch places = scratch_of(layer);
  const int64_t weights = static_cast<int64_t>(packed_bytes(layer)) / layer.points();
  const auto first_panel =
      static_cast<int64_t>(layer.gemm->packed_rhs_bytes(layer.inputs, n_begin));
  gemm::Product product = product_of(layer, shared.tiles);
  product.lhs = shared.memory + point * point_stride(shared.tiles, layer.inputs) * kFloat;
  product.dst =
      shared.memory + places.products + point * point_stride(shared.tiles, layer.outputs) * kFloat;
  product.rhs = packed + point * weights;
  const bool last = point + 1 == layer.points();
  product.next_rhs = packed + first_panel + (last ? 0 : point + 1) * weights;
  gemm::run(product, layer.blocking, 0, shared.tiles, n_begin, n_end, scratch + places.gemm);
}

void transform_outputs(const Layer& layer, const Convolution& convolution, const Shared& shared,
                       int64_t begin, int64_t end) {
  layer.kernel->output(convolution, block_of(layer, convolution, shared, true, begin, end));
}

}  // namespace fi::winograd
