// The contract of direct convolution of images of few channels: a network's first layer.
//
//   y(n, oy, ox, o) = activation( sum_{i, j, c} x(n, oy * stride_h - pad_top + i * dilation_h,
//                                                 ox * stride_w - pad_left + j * dilation_w, c)
//                                               * w(o, c, i, j)
//                                 + bias(o) + residual(n, oy, ox, o) )
//
// With few channels a window's row is a short run of neighbours in memory: of kernel_w * channels
// floats where pixels are interleaved (NHWC), of kernel_w for each channel where they are planar
// (NCHW, as arrays arrive). Input rows are copied once, with their padding, to a ring in scratch,
// as many as the window spans; there the runs of a row of output pixels are `step` floats apart,
// and nothing needs a table of offsets or a test for borders. The sums of a tile of mr pixels by nr
// outputs stay in registers; each is one chain, so results do not depend on how rows are divided.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "base/view.h"
#include "base/window.h"
#include "kernels/kernel.h"

namespace fi::direct {

/// One row of output pixels:
///   dst(x, o) = activation( bias(o) + sum_{r, p} runs[r][x * step + p] * w(r, p, o)
///                           + residual(x, o) )
struct Row {
  const float* const* runs;  // each can be read up to the last of round_up(pixels, mr) pixels
  int64_t run_count, run_length;
  int64_t step;  // floats from a pixel to the next
  int64_t pixels, outputs;
  const float* weights;   // packed: panels of nr outputs, each [run_count][run_length][nr]
  const float* bias;      // [outputs] or null
  const float* residual;  // or null
  float* dst;
  int64_t residual_stride, dst_stride;  // floats from a pixel to the next
  Activation activation;
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  int mr, nr;
  void (*run)(const Row& row);
};

/// The table: every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();
/// The usable row of the best tier; null if none.
const Kernel* best_row(FeatureMask usable);

/// An input of any strides, in elements: channels or columns are neighbours.
struct Input {
  const float* data;
  int64_t batch, height, width, channels;
  int64_t batch_stride, row_stride, pixel_stride, channel_stride;
};

struct Convolution {
  Input input;
  Image<float> output;
  Image<const float> residual;  // data null: none; otherwise of the output's shape
  const float* bias = nullptr;  // [output.channels] or null
  Activation activation;
  RowRange rows;  // of the output: only these are written
};

/// A layer's geometry in scratch.
struct Layer {
  const Kernel* kernel;
  Window window;
  int64_t channels, outputs;
  bool planar;      // runs are of one channel
  int64_t columns;  // that a copied row holds, from -pad_left on

  int64_t taps_of_run() const { return window.dilation_w == 1 ? window.kernel_w : 1; }
  int64_t run_length() const { return taps_of_run() * (planar ? 1 : channels); }
  int64_t run_count() const { return window.taps() * channels / run_length(); }
  int64_t span() const { return static_cast<int64_t>(window.kernel_h - 1) * window.dilation_h + 1; }
  int64_t row_floats() const { return columns * channels; }
};
Layer layer_of(const Kernel& kernel, const Window& window, int64_t channels, int64_t outputs,
               int64_t out_width, bool planar);

/// Weight (o, c, i, j) stands at data[o * out + c * in + i * row + j * column].
struct WeightView {
  const float* data;
  int64_t out, in, row, column;
};
size_t packed_bytes(const Layer& layer);
void pack_weights(const Layer& layer, const WeightView& weights, float* packed);

/// Scratch that one call of run() needs.
size_t scratch_bytes(const Layer& layer);
/// Computes convolution.rows on the calling thread.
void run(const Layer& layer, const Convolution& convolution, const float* packed, char* scratch);

/// The reference: the formula above in float64; x NHWC, w OIHW, y and residual NHWC, all dense.
struct Shape {
  int64_t batch, height, width, channels, out_height, out_width, outputs;
};
void reference(const Shape& shape, const Window& window, const double* x, const double* w,
               const double* bias, const double* residual, Activation activation, double* y);

}  // namespace fi::direct
