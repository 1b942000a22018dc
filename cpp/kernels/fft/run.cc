// The loops: for each block of tiles, its inputs are transformed, every point is multiplied, and
// the products are transformed back:
//
//   for each block of tiles           its points stay in L2 where the channels allow it
//     transform the inputs            t^2 x tiles x inputs
//     for each point and group        complex (tiles x inputs) * (inputs x outputs)
//     transform the outputs           t^2 x tiles x outputs, with the epilogue
#include <algorithm>

#include "base/buffer.h"
#include "kernels/fft/fft.h"

namespace fi::fft {
namespace {

constexpr int64_t kFloat = sizeof(float);
constexpr int64_t kVector = 16;  // floats of the widest tier's vector

int64_t plane(int64_t channels) { return (channels + kVector - 1) / kVector * kVector; }
/// Floats from point to point: an odd number of cache lines, so that the points of a tile do not
/// fall into the same sets.
int64_t point_stride(int64_t tiles, int64_t channels) {
  return (tiles * 2 * plane(channels) / kVector | 1) * kVector;
}

struct Scratch {
  int64_t inputs, outputs, total;  // bytes from the start, where the work of a tile is
};
Scratch scratch_of(const Layer& layer) {
  const auto bytes = [&](int64_t channels) {
    return align_up(layer.kernel->points() * point_stride(layer.block_tiles, channels) * kFloat);
  };
  Scratch scratch{};
  scratch.inputs = align_up(layer.kernel->work_floats() * kFloat);
  scratch.outputs = scratch.total = scratch.inputs;
  if (layer.shape.depthwise()) return scratch;
  scratch.outputs += bytes(layer.shape.inputs);
  scratch.total = scratch.outputs + bytes(layer.shape.outputs);
  return scratch;
}

/// Outputs [n_begin, n_end): whole groups.
struct Part {
  int64_t n_begin, n_end, group_begin, group_end, inputs_begin, inputs_end;
};
Part part_of(const Shape& shape, int64_t n_begin, int64_t n_end) {
  Part part{n_begin, n_end, n_begin / shape.group_outputs(), n_end / shape.group_outputs(), 0, 0};
  part.inputs_begin = part.group_begin * shape.group_inputs();
  part.inputs_end = part.group_end * shape.group_inputs();
  return part;
}

/// The convolution to a part alone.
Convolution part_of(Convolution convolution, const Part& part) {
  convolution.input.data += part.inputs_begin;
  convolution.input.channels = part.inputs_end - part.inputs_begin;
  convolution.output.data += part.n_begin;
  convolution.output.channels = part.n_end - part.n_begin;
  if (convolution.residual.data) convolution.residual.data += part.n_begin;
  if (convolution.bias) convolution.bias += part.n_begin;
  return convolution;
}

Block block_of(const Grid& grid, int64_t channels, int64_t begin, int64_t end, char* points,
               char* work) {
  Block block{};
  block.grid = grid;
  block.begin = begin;
  block.end = end;
  block.points = reinterpret_cast<float*>(points);
  block.point_stride = point_stride(end - begin, channels);
  block.tile_stride = 2 * plane(channels);
  block.imaginary = plane(channels);
  block.work = reinterpret_cast<float*>(work);
  return block;
}

int64_t panel_floats(const Layer& layer) {
  return 2 * layer.kernel->nr * layer.shape.group_inputs();
}
/// Of one point of one group.
int64_t point_floats(const Layer& layer) {
  const int64_t nr = layer.kernel->nr;
  return (layer.shape.group_outputs() + nr - 1) / nr * panel_floats(layer);
}

/// Point p of each group of a part, outputs [n_begin, n_end) of the group.
void multiply(const Layer& layer, const Part& part, const Block& inputs, const Block& outputs,
              const float* packed, int64_t p, int64_t n_begin, int64_t n_end) {
  const Shape& shape = layer.shape;
  const int64_t points = layer.kernel->points(), floats = point_floats(layer);
  Product product{};
  product.x_stride = inputs.tile_stride;
  product.x_imaginary = inputs.imaginary;
  product.y_stride = outputs.tile_stride;
  product.y_imaginary = outputs.imaginary;
  product.rows = inputs.end - inputs.begin;
  product.inputs = shape.group_inputs();
  product.outputs = n_end - n_begin;
  product.pair = p == 0 || p == layer.kernel->t / 2;
  for (int64_t group = part.group_begin; group < part.group_end; ++group) {
    const int64_t g = group - part.group_begin;
    product.x = inputs.points + p * inputs.point_stride + g * shape.group_inputs();
    product.y = outputs.points + p * outputs.point_stride + g * shape.group_outputs() + n_begin;
    product.w =
        packed + (group * points + p) * floats + n_begin / layer.kernel->nr * panel_floats(layer);
    layer.kernel->multiply(product);
  }
}

/// Tiles [begin, end) of a block that several workers share.
Block block_of(const Layer& layer, const Convolution& convolution, const Shared& shared,
               bool products, int64_t begin, int64_t end, char* work) {
  const Scratch places = scratch_of(layer);
  Block block = block_of(grid_of(convolution, layer.kernel->t),
                         products ? layer.shape.outputs : layer.shape.inputs, shared.first,
                         shared.first + shared.tiles,
                         shared.memory + (products ? places.outputs : places.inputs), work);
  block.begin = shared.first + begin;
  block.end = shared.first + end;
  block.points += begin * block.tile_stride;
  return block;
}

}  // namespace

int64_t Shape::tiles(int t) const {
  const int64_t m_h = t - extent_h + 1, m_w = t - extent_w + 1;
  return batch * ((height + m_h - 1) / m_h) * ((width + m_w - 1) / m_w);
}

int64_t Layer::unit() const {
  if (shape.depthwise()) return kernel->lanes;
  return shape.groups > 1 ? shape.group_outputs() : kernel->nr;
}

Grid grid_of(const Convolution& convolution, int t) {
  const RowRange& rows = convolution.rows;
  const int64_t height = t - convolution.extent_h + 1, width = t - convolution.extent_w + 1;
  const int64_t first = rows.begin / height;
  return {rows.batch_begin,
          first,
          rows.batch_end - rows.batch_begin,
          rows.end > rows.begin ? (rows.end + height - 1) / height - first : 0,
          (convolution.output.width + width - 1) / width,
          height,
          width};
}

Layer layer_of(const Kernel& kernel, const Shape& shape) {
  return {&kernel, shape, block_tiles(kernel.t, shape)};
}

size_t packed_bytes(const Layer& layer) {
  const Shape& shape = layer.shape;
  if (shape.depthwise()) {
    const int64_t lanes = layer.kernel->lanes;
    return static_cast<size_t>((shape.outputs + lanes - 1) / lanes * lanes * 2 *
                               layer.kernel->points() * kFloat);
  }
  return static_cast<size_t>(shape.groups * layer.kernel->points() * point_floats(layer) * kFloat);
}

size_t scratch_bytes(const Layer& layer) { return static_cast<size_t>(scratch_of(layer).total); }

void run(const Layer& layer, const Convolution& convolution, const char* packed, int64_t begin,
         int64_t end, int64_t n_begin, int64_t n_end, char* scratch) {
  const Scratch places = scratch_of(layer);
  const Part part = part_of(layer.shape, n_begin, n_end);
  const Convolution partial = part_of(convolution, part);
  const Grid grid = grid_of(convolution, layer.kernel->t);
  const float* spectra = reinterpret_cast<const float*>(packed);
  if (layer.shape.depthwise()) {
    const Block block = block_of(grid, 0, begin, end, nullptr, scratch);
    layer.kernel->depthwise(partial, block, spectra + n_begin * 2 * layer.kernel->points());
    return;
  }
  for (int64_t tile = begin; tile < end; tile += layer.block_tiles) {
    const int64_t last = std::min(tile + layer.block_tiles, end);
    const Block inputs =
        block_of(grid, partial.input.channels, tile, last, scratch + places.inputs, scratch);
    const Block outputs =
        block_of(grid, partial.output.channels, tile, last, scratch + places.outputs, scratch);
    layer.kernel->input(partial, inputs);
    for (int64_t p = 0; p < layer.kernel->points(); ++p)
      multiply(layer, part, inputs, outputs, spectra, p, 0, layer.shape.group_outputs());
    layer.kernel->output(partial, outputs);
  }
}

void transform_inputs(const Layer& layer, const Convolution& convolution, const Shared& shared,
                      int64_t begin, int64_t end, char* scratch) {
  layer.kernel->input(convolution,
                      block_of(layer, convolution, shared, false, begin, end, scratch));
}

void multiply(const Layer& layer, const Convolution& convolution, const char* packed,
              const Shared& shared, int64_t point, int64_t n_begin, int64_t n_end) {
  multiply(layer, part_of(layer.shape, 0, layer.shape.outputs),
           block_of(layer, convolution, shared, false, 0, shared.tiles, nullptr),
           block_of(layer, convolution, shared, true, 0, shared.tiles, nullptr),
           reinterpret_cast<const float*>(packed), point, n_begin, n_end);
}

void transform_outputs(const Layer& layer, const Convolution& convolution, const Shared& shared,
                       int64_t begin, int64_t end, char* scratch) {
  layer.kernel->output(convolution,
                       block_of(layer, convolution, shared, true, begin, end, scratch));
}

}  // namespace fi::fft
