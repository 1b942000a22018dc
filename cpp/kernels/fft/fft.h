// The FFT contract: convolution of stride 1 by tiles of t x t inputs, each of which makes
// m_h x m_w outputs, m = t - extent + 1 (overlap-save; Mathieu, Henaff & LeCun, Fast Training of
// Convolutional Networks through FFTs, arXiv 1312.5851, 2013; Oppenheim & Schafer, Discrete-Time
// Signal Processing, 8.7.3):
//
//   Y(o) = F^-1 [ sum_i conj(F w(o, i)) . (F x(i)) ],   y = activation( Y + bias(o) + residual )
//
// where F is the discrete Fourier transform over a tile and . multiplies elements, so that each
// frequency is a complex product of matrices: (tiles x inputs) times (inputs x outputs). Inputs are
// real, so half the spectrum says all: t^2 / 2 points, two of which hold two real frequencies each
// (see spectrum.inl). Where a group is one channel the product is done within the transform.
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
#include "kernels/kernel.h"

namespace fi::fft {

/// Longest window, dilation included, along either axis.
inline constexpr int64_t kMostExtent = 31;

struct Convolution {
  Image<const float> input;
  Image<float> output;
  Image<const float> residual;         // data null: none; otherwise of the output's shape
  int64_t extent_h = 1, extent_w = 1;  // of the window: (kernel - 1) * dilation + 1
  int32_t pad_top = 0, pad_left = 0;   // the others follow from the output's size
  const float* bias = nullptr;         // [output.channels] or null
  Activation activation;
  RowRange rows;  // of the output: only these are written
};

/// The tiles that `rows` touches, numbered image by image and row by row.
struct Grid {
  int64_t image, row;             // of tile 0, in tiles
  int64_t images, rows, columns;  // in tiles
  int64_t height, width;          // outputs of a tile
  int64_t count() const { return images * rows * columns; }
};
Grid grid_of(const Convolution& convolution, int t);

/// Tiles [begin, end) of a grid, transformed: the real parts of point p of tile k stand at
/// points + p * point_stride + (k - begin) * tile_stride, channel by channel; its imaginary parts
/// `imaginary` after them. Strides are whole vectors of the widest tier.
struct Block {
  Grid grid;
  int64_t begin, end;
  float* points;
  int64_t point_stride, tile_stride, imaginary;
  float* work;  // of the kernel's work_floats
};

/// One point of a group: y(r, o) = sum_i x(r, i) * w(i, o), complex. Strides in floats.
struct Product {
  const float* x;
  int64_t x_stride, x_imaginary;
  const float* w;  // panels of nr outputs; for each input nr real parts, then nr imaginary ones
  float* y;
  int64_t y_stride, y_imaginary;
  int64_t rows, inputs, outputs;
  bool pair;  // a point of two real frequencies: parts are multiplied one by one
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  int t;          // 8, 16, 32 or 64
  int lanes, nr;  // of a vector; outputs of a panel
  void (*input)(const Convolution& convolution, const Block& block);   // writes the points
  void (*output)(const Convolution& convolution, const Block& block);  // reads them
  void (*multiply)(const Product& product);
  /// All of it where each channel is convolved with a filter of its own; no points.
  void (*depthwise)(const Convolution& convolution, const Block& block, const float* spectra);
  int64_t points() const { return static_cast<int64_t>(t) * t / 2; }
  int64_t work_floats() const { return static_cast<int64_t>(t) * (t + 2) * lanes; }
};

/// The table: every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();
/// The usable row of the best tier; null if none.
const Kernel* best_row(FeatureMask usable, int t);

struct Shape {
  int64_t batch, height, width;  // of the output
  int64_t inputs, outputs;       // channels, of all groups
  int64_t groups;
  int64_t extent_h, extent_w;
  bool depthwise() const { return inputs == groups && outputs == groups; }
  int64_t group_inputs() const { return inputs / groups; }
  int64_t group_outputs() const { return outputs / groups; }
  int64_t tiles(int t) const;
};

/// Tiles worth a block: enough rows to pay for reading the spectra of the weights, few enough that
/// a block's points stay in L2 where the channels allow it.
int64_t block_tiles(int t, const Shape& shape);
/// Estimated cycles of one core, by tiles of t; see cost.cc.
double cycles(int t, const Shape& shape, double macs_per_cycle);
/// The tile of least cycles among those that hold the window; 0 if none does.
int best_tile(const Shape& shape, double macs_per_cycle);
/// Bytes of the weights' spectra, but for what is padded to vectors.
int64_t spectrum_bytes(int t, const Shape& shape);

/// A layer's row and block size: a function of shapes and machine constants alone.
struct Layer {
  const Kernel* kernel;
  Shape shape;
  int64_t block_tiles;  // tiles that are transformed together
  /// Ranges of outputs start at multiples of this.
  int64_t unit() const;
};
Layer layer_of(const Kernel& kernel, const Shape& shape);

/// Weight (output o and input i of a group g, row r, column c) stands at
/// data[g * group + o * out + i * in + r * row + c * column].
struct WeightView {
  const float* data;
  int64_t kernel_h, kernel_w, dilation_h, dilation_w;
  int64_t group, out, in, row, column;
};
size_t packed_bytes(const Layer& layer);
/// The spectra of outputs [n_begin, n_end) (multiples of layer.unit(), but for the end), computed
/// in float64 and rounded once.
void pack_weights(const Layer& layer, const WeightView& weights, int64_t n_begin, int64_t n_end,
                  char* packed);

/// Scratch that one worker needs for run().
size_t scratch_bytes(const Layer& layer);

/// Outputs [n_begin, n_end) (whole groups) of tiles [begin, end) of the grid of convolution.rows,
/// on the calling thread.
void run(const Layer& layer, const Convolution& convolution, const char* packed, int64_t begin,
         int64_t end, int64_t n_begin, int64_t n_end, char* scratch);

/// Tiles [first, first + tiles) of a grid, at most layer.block_tiles, that several workers
/// transform and multiply together, in the scratch of one of them.
struct Shared {
  int64_t first, tiles;
  char* memory;
};
/// The steps of run() for one block, unless the layer is depthwise, each to be divided at will and
/// to begin when the one before it is done: inputs of tiles [begin, end) of the block, with the
/// worker's own scratch; outputs [n_begin, n_end) (n_begin a multiple of kernel->nr) of each group
/// at one point; outputs of tiles [begin, end) of the block.
void transform_inputs(const Layer& layer, const Convolution& convolution, const Shared& shared,
                      int64_t begin, int64_t end, char* scratch);
void multiply(const Layer& layer, const Convolution& convolution, const char* packed,
              const Shared& shared, int64_t point, int64_t n_begin, int64_t n_end);
void transform_outputs(const Layer& layer, const Convolution& convolution, const Shared& shared,
                       int64_t begin, int64_t end, char* scratch);

/// Roundings that an output goes through, relative to magnitude(); see bound.cc.
double roundings(int t, int64_t group_inputs);
/// What is to be expected of the error, as a share of the output's root mean square, where inputs
/// and weights are independent of one another.
double expected_error(int t, int64_t group_inputs);

/// The reference in float64, the direct sum: dense NHWC x, y and residual (or null), w OIHW, bias
/// or null.
struct Problem {
  Shape shape;
  int64_t height, width;  // of the input
  int64_t kernel_h, kernel_w, dilation_h, dilation_w, pad_top, pad_left;
};
void reference(const Problem& problem, const double* x, const double* w, const double* bias,
               const double* residual, Activation activation, double* y);
/// What rounding scales with, of each output's tile: sum_i ||x(i)||_2 ||w(o, i)||_1.
void magnitude(int t, const Problem& problem, const double* x, const double* w, double* y);

}  // namespace fi::fft
