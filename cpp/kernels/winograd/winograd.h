// The Winograd contract: 3x3 convolution of stride 1 and dilation 1 by tiles of m x m outputs, each
// from a patch of t x t inputs, t = m + 2 (Lavin & Gray, Fast Algorithms for Convolutional Neural
// Networks, arXiv 1509.09308, 2015):
//
//   Y(o) = A^T [ sum_i (G g(o, i) G^T) . (B^T d(i) B) ] A
//   y    = activation( Y + bias(o) + residual )
//
// where . multiplies elements, so that each of the t^2 points is a product of matrices: (tiles x
// inputs) times (inputs x outputs). f23, f43 and f63 (m = 2, 4, 6) multiply 2.25, 4 and 5.06 times
// less than the direct sum; their matrices are in matrices.h.
//
// Tiles start at multiples of m of the output, whatever range of rows is asked for, and each
// element of a product is one chain over the inputs, so results do not depend on how tiles and
// outputs are divided. An input that is not finite may spread over all outputs of its tiles.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "base/view.h"
#include "kernels/gemm/gemm.h"
#include "kernels/kernel.h"

namespace fi::winograd {

struct Convolution {
  Image<const float> input;
  Image<float> output;
  Image<const float> residual;        // data null: none; otherwise of the output's shape
  int32_t pad_top = 0, pad_left = 0;  // the others follow from the output's size
  const float* bias = nullptr;        // [output.channels] or null
  Activation activation;
  RowRange rows;  // of the output: only these are written
};

/// The tiles that `rows` touches, numbered image by image and row by row.
struct Grid {
  int64_t image, row;             // of tile 0, in tiles
  int64_t images, rows, columns;  // in tiles
  int64_t count() const { return images * rows * columns; }
};
Grid grid_of(const Convolution& convolution, int m);

/// Tiles [begin, end) of a grid, transformed: point p of tile k holds its channels at
/// points + p * point_stride + (k - begin) * tile_stride. Strides are whole vectors of the widest
/// tier.
struct Block {
  Grid grid;
  int64_t begin, end;
  float* points;
  int64_t point_stride, tile_stride;
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  int m;                                                               // f23: 2, f43: 4, f63: 6
  void (*input)(const Convolution& convolution, const Block& block);   // writes the points
  void (*output)(const Convolution& convolution, const Block& block);  // reads them
  int t() const { return m + 2; }
};

/// The table: every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();
/// The usable row of the best tier; null if none.
const Kernel* best_row(FeatureMask usable, int m);

/// A layer's rows and block sizes: a function of shapes and machine constants alone.
struct Layer {
  const Kernel* kernel;
  const gemm::Kernel* gemm;
  gemm::Blocking blocking;  // of one point's product
  int64_t inputs, outputs;  // channels
  int64_t block_tiles;      // tiles that are transformed together

  int64_t points() const { return static_cast<int64_t>(kernel->t()) * kernel->t(); }
};
/// `tiles`: of the whole output. `gemm_features`: what the products may use.
Layer layer_of(const Kernel& kernel, FeatureMask gemm_features, int64_t tiles, int64_t inputs,
               int64_t outputs);
/// Tiles worth a block: enough rows to pay for reading the weights of a point, few enough that a
/// block's points stay in L2 where the channels allow it.
int64_t block_tiles(int m, int64_t tiles, int64_t inputs, int64_t outputs);

/// Weight (o, i, row, column) stands at data[o * out + i * in + row * row + column * column].
struct WeightView {
  const float* data;
  int64_t out, in, row, column;
};
size_t packed_bytes(const Layer& layer);
/// G g G^T in float64, rounded once, then packed for the products, point after point.
/// Outputs [begin, end), whole panels of layer.gemm->nr but for the last.
void pack_weights(const Layer& layer, const WeightView& weights, int64_t begin, int64_t end,
                  char* packed);

/// Scratch that one worker needs for run().
size_t scratch_bytes(const Layer& layer);

/// Tiles [begin, end) of the grid of convolution.rows, on the calling thread.
void run(const Layer& layer, const Convolution& convolution, const char* packed, int64_t begin,
         int64_t end, char* scratch);

/// Tiles [first, first + tiles) of a grid, at most layer.block_tiles, that several workers
/// transform and multiply together, in the scratch of one of them.
struct Shared {
  int64_t first, tiles;
  char* memory;
};
/// The steps of run() for one block, each to be divided at will and to begin when the one before it
/// is done: inputs of tiles [begin, end) of the block; outputs [n_begin, n_end) (n_begin a multiple
/// of gemm->nr) of one point's product, with the worker's own scratch; outputs of tiles
/// [begin, end) of the block.
void transform_inputs(const Layer& layer, const Convolution& convolution, const Shared& shared,
                      int64_t begin, int64_t end);
void multiply(const Layer& layer, const char* packed, const Shared& shared, int64_t point,
              int64_t n_begin, int64_t n_end, char* scratch);
void transform_outputs(const Layer& layer, const Convolution& convolution, const Shared& shared,
                       int64_t begin, int64_t end);

/// Bounds of the error, for f32 (u = 2^-24) and `inputs` channels; see bound.cc.
/// |error| <= error_bound * max|x| * max over o of sum_i max|g(o, i)|, before the epilogue.
double error_bound(int m, int64_t inputs);
/// What is to be expected of it, as a share of the output's root mean square, where inputs and
/// weights are independent of one another.
double expected_error(int m, int64_t inputs);

/// The reference in float64, the direct sum: dense NHWC x, y and residual (or null), w OIHW, bias
/// or null.
struct Shape {
  int64_t batch, height, width, inputs, out_height, out_width, outputs;
  int64_t pad_top, pad_left;
};
void reference(const Shape& shape, const double* x, const double* w, const double* bias,
               const double* residual, Activation activation, double* y);
/// The terms that rounding scales with, for the same arguments: |A^T| [sum_i |G g G^T| . (|B^T| |d|
/// |B|)] |A| (see bound.cc), and the roundings that each goes through.
void magnitude(int m, const Shape& shape, const double* x, const double* w, double* y);
int64_t roundings(int m, int64_t inputs);

}  // namespace fi::winograd
