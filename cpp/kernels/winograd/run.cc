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

/// The convolution to outputs [begin, end) alone.
Convolution columns_of(Convolution convolution, int64_t begin, int64_t end) {
  convolution.output.data += begin;
  convolution.output.channels = end - begin;
  if (convolution.residual.data) convolution.residual.data += begin;
  if (convolution.bias) convolution.bias += begin;
  return convolution;
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
         int64_t end, int64_t n_begin, int64_t n_end, char* scratch) {
  const Scratch places = scratch_of(layer);
  const Convolution columns = columns_of(convolution, n_begin, n_end);
  const int64_t weights = static_cast<int64_t>(packed_bytes(layer)) / layer.points();
  const auto first_panel =
      static_cast<int64_t>(layer.gemm->packed_rhs_bytes(layer.inputs, n_begin));
  Block inputs{grid_of(convolution, layer.kernel->m), 0, 0,
               reinterpret_cast<float*>(scratch),     0, tile_stride(layer.inputs)};
  Block products = inputs;
  products.points = reinterpret_cast<float*>(scratch + places.products);
  products.tile_stride = tile_stride(layer.outputs);
  for (int64_t tile = begin; tile < end; tile += layer.block_tiles) {
    const int64_t tiles = std::min(layer.block_tiles, end - tile);
    inputs.begin = products.begin = tile;
    inputs.end = products.end = tile + tiles;
    inputs.point_stride = point_stride(tiles, layer.inputs);
    products.point_stride = point_stride(tiles, layer.outputs);
    layer.kernel->input(convolution, inputs);
    gemm::Product product = product_of(layer, tiles);
    for (int64_t p = 0; p < layer.points(); ++p) {
      product.lhs = inputs.points + p * inputs.point_stride;
      product.dst = products.points + p * products.point_stride;
      product.rhs = packed + p * weights;
      const bool last = p + 1 == layer.points();
      product.next_rhs = packed + first_panel + (last ? 0 : p + 1) * weights;
      gemm::run(product, layer.blocking, 0, tiles, n_begin, n_end, scratch + places.gemm);
    }
    Block part = products;
    part.points += n_begin;
    layer.kernel->output(columns, part);
  }
}

}  // namespace fi::winograd
