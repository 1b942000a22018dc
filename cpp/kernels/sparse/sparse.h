// The sparse contract: convolution of planar (NCHW) tensors by unstructured-sparse weights,
//
//   y(n, o, oy, ox) = activation( sum over stored w(o, i, ky, kx) of
//                                 w * x(n, i, oy * stride_h - pad_top + ky * dilation_h,
//                                             ox * stride_w - pad_left + kx * dilation_w)
//                                 + bias(o) + residual(n, o, oy, ox) )
//
// vectorised over pixels: a tile of neighbouring output pixels of one output channel stays in
// registers while the channel's weights are streamed, each with the byte offset of what it
// multiplies (Elsen et al., Fast Sparse ConvNets, arXiv 1911.09723, 2019). A weight that is not
// stored multiplies nothing, not even an infinity.
//
// Windows of one tap and stride 1 read the tensor itself. For all others a strip of output rows is
// staged: each input plane is copied once for each column of taps, shifted and strided so that
// output pixel (y, x) of tap row ky lies at (y + ky') * pitch + x (rows of a stride apart in planes
// of their own). Taps of a column share their rows, so nothing is lowered (im2col). The pitch is a
// multiple of a vector where out_width nearly is, so that no load straddles cache lines: the pixels
// between are computed and dropped.
//
// Columns are taken in chunks of input channels that a tile keeps in L1; sums rest in y between
// them. The sum of an output is one chain over (i, ky, kx), however tiles, chunks and panels divide
// the work.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "base/view.h"
#include "base/window.h"
#include "kernels/kernel.h"

namespace fi::sparse {

struct Convolution {
  Planes<const float> input;
  Planes<float> output;
  Planes<const float> residual;  // data null: none; otherwise of the output's shape
  const float* bias = nullptr;   // [output.channels] or null
  Activation activation;
};

/// A stored weight, and the bytes from a tile's first pixel to what it multiplies.
struct Entry {
  float value;
  int32_t offset;
};
/// An output channel and how many entries it has in a chunk.
struct Row {
  int32_t output, entries;
};

/// One call of a micro-kernel: a chunk's rows for `pixels` neighbouring output pixels.
struct Tile {
  const Row* rows;
  int64_t row_count;
  const Entry* entries;  // of the rows, one after the other
  const float* x;        // where offset 0 is
  float* y;              // of output channel 0
  int64_t y_stride;      // elements from channel to channel
  const float* residual;
  int64_t residual_stride;
  const float* bias;
  int32_t pixels;  // at most vectors * lanes
  // With a pitch, rows of x are so far apart, a multiple of lanes, and rows of y and residual
  // `width` pixels: y and residual are those of a row's first pixel, x `start` pixels behind it.
  int32_t pitch, width, start;
  bool first, last;  // the first chunk begins at the bias; the last one adds the residual
  Activation activation;
};

/// Copies what the output rows [row_begin, row_begin + rows) of one image read.
struct Staging {
  Planes<const float> input;  // of one image
  Window window;
  int64_t out_width, row_begin, rows;
  int64_t phases, plane_rows;  // planes of a tap column, and rows of each
  int64_t pitch;               // elements from row to row
  float* out;                  // [channel][kernel_w][phases][plane_rows][pitch]
  int64_t channel_stride;      // elements
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  int vectors, lanes;  // a tile is at most vectors * lanes pixels
  void (*run)(const Tile& tile);
  void (*stage)(const Staging& staging);  // writes at most kSlack elements beyond `out`
};
inline constexpr int64_t kSlack = 16;

/// The table: every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();
/// The usable row of the best tier; null if none.
const Kernel* best_row(FeatureMask usable);

/// The sizes of a convolution.
struct Shape {
  int64_t batch, inputs, height, width, outputs, out_height, out_width;
  Window window;
};

/// How a layer is computed: a function of shapes, strides, threads and machine constants.
struct Layer {
  const Kernel* kernel;
  Shape shape;
  bool direct;             // reads the tensor itself
  int64_t channel_stride;  // elements from input channel to input channel, where tiles read
  int64_t tile_vectors;    // vectors of pixels of a tile
  int64_t strip_rows;      // output rows staged together
  int64_t phases, plane_rows;
  int64_t pitch;           // elements from staged row to row
  int64_t chunk_channels;  // input channels of a chunk
  int64_t panels;          // parts of the output channels, for threads

  int64_t chunks() const { return (shape.inputs + chunk_channels - 1) / chunk_channels; }
  int64_t panel_begin(int64_t panel) const { return shape.outputs * panel / panels; }
};
/// `plane_stride`: of the input, which is read in place if `joined` (rows_join) and the window
/// allows it.
Layer layer_of(const Kernel& kernel, const Shape& shape, int64_t plane_stride, bool joined,
               int threads);

/// Weight (o, i, ky, kx) stands at data[o * out + i * in + ky * row + kx * column].
struct WeightView {
  const float* data;
  int64_t out, in, row, column;
};
/// Bytes of the nonzero weights as packed for a layer.
size_t packed_bytes(const Layer& layer, const WeightView& weights);
void pack(const Layer& layer, const WeightView& weights, char* packed);
/// What distinguishes the packed weights of layers of equal shape.
struct PackKey {
  int64_t channel_stride, tap_row, chunk_channels, panels;
};
PackKey key_of(const Layer& layer);

/// Scratch that one worker needs for run().
size_t scratch_bytes(const Layer& layer);

/// Output rows [row_begin, row_end) of image n, the channels of one panel, on the calling thread.
void run(const Layer& layer, const Convolution& convolution, const char* packed, int64_t n,
         int64_t row_begin, int64_t row_end, int64_t panel, char* scratch);

/// The reference in float64: dense NCHW x, y and residual (or null), w OIHW, bias or null.
void reference(const Shape& shape, const double* x, const double* w, const double* bias,
               const double* residual, Activation activation, double* y);

}  // namespace fi::sparse
