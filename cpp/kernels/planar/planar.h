// Depthwise convolution of planar (NCHW) tensors, vectorised over the pixels of a row:
//
//   y(n, o, oy, ox) = activation( sum_{i,j} x(n, o / multiplier, oy * stride_h - pad_top + i *
//                     dilation_h, ox * stride_w - pad_left + j * dilation_w) * w(o, i, j)
//                     + bias(o) + residual(n, o, oy, ox) )
//
// where taps outside the input count nothing. The taps of an output are summed in one order,
// whatever the tile or the range of rows. Rows for one window read the tensor itself; the generic
// row stages strips of a plane in scratch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "base/view.h"
#include "base/window.h"
#include "kernels/kernel.h"

namespace fi::planar {

struct Depthwise {
  Planes<const float> input;
  Planes<float> output;          // channels = input.channels * multiplier
  Planes<const float> residual;  // data null: none; otherwise of the output's shape
  Window window;
  int32_t multiplier = 1;
  const float* weights = nullptr;  // dense (output.channels, kernel_h, kernel_w)
  const float* bias = nullptr;     // [output.channels] or null
  Activation activation;
};

/// The part of one call: rows of some output channels of one image.
struct Part {
  int64_t image, channel_begin, channel_end, row_begin, row_end;
};

/// A strip of one plane in scratch: for each row phase and column phase of the strides a plane of
/// `rows` rows of `width` elements.
struct Staged {
  int64_t phases_h, phases_w, rows, width;
  int64_t strip_rows;   // output rows
  int64_t slot_floats;  // of a strip, of which scratch holds two
};
/// A function of shapes alone.
Staged staged_of(const Window& window, int64_t out_height, int64_t out_width);

/// A row of the table, and what it takes: zero means any.
struct Kernel {
  KernelInfo info;
  int kernel;    // both sides of the window it is made for
  int stride;    // both strides
  int dilation;  // both dilations
  bool stages;   // whether it needs scratch
  void (*run)(const Depthwise& convolution, const Part& part, const Staged& staged, float* scratch);
};

/// Scratch that one worker needs.
size_t scratch_bytes(const Kernel& kernel, const Staged& staged);
bool accepts(const Kernel& kernel, const Window& window);

/// The table: every row compiled for this architecture, best tier first, special rows before
/// generic ones.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();
/// The first usable row that accepts the window; the generic row accepts any.
const Kernel* best_row(FeatureMask usable, const Window& window);

/// The reference in float64: dense NCHW x, y and residual (or null), w (channels, taps), bias or
/// null.
struct Shape {
  int64_t batch, channels, height, width, out_height, out_width;
};
void reference(const Shape& shape, const Window& window, int32_t multiplier, const double* x,
               const double* w, const double* bias, const double* residual, Activation activation,
               double* y);

}  // namespace fi::planar
