// The contract of convolution with many narrow groups: output channel o of group g sees the inputs
// of group g alone.
//
//   y(n, oy, ox, g * outputs + o) = activation( sum_{i,j,k} x(n, y, x, g * inputs + k) * w(g *
//   outputs
//   + o, k, i, j)  +  bias  +  residual(n, oy, ox, ..) )
//   y = oy * stride_h - pad_top + i * dilation_h,   x = ox * stride_w - pad_left + j * dilation_w
//
// where taps outside the input count nothing. Rows come in two forms. Where several groups fit one
// vector, its lanes are the outputs of those groups, and input k of each group is spread over the
// group's lanes by a permutation of one loaded vector; elsewhere a vector is outputs of one group,
// and an input is broadcast to it. Every output is one chain of multiply-adds whose order does not
// depend on the tile or the range of rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "base/view.h"
#include "base/window.h"
#include "kernels/kernel.h"

namespace fi::grouped {

struct Convolution {
  Image<const float> input;
  Image<float> output;
  Image<const float> residual;  // data null: none; otherwise of the output's shape
  Window window;
  int64_t groups = 1;              // divides the channels of input and output
  const float* weights = nullptr;  // packed for the row
  const float* bias = nullptr;     // [output.channels] or null
  Activation activation;
};

/// A row of the table, and what it takes: zero means any.
struct Kernel {
  KernelInfo info;
  bool permutes;  // lanes of several groups, so inputs and outputs of a group fit half a vector
  int lanes;
  int kernel;  // both sides of the window it is made for, whose dilation is 1
  int stride;  // both strides
  /// Computes the rows of the output that `rows` names, on the calling thread.
  void (*run)(const Convolution& convolution, const RowRange& rows);
};

/// Channels of all groups together, and what divides them.
struct Channels {
  int64_t groups, inputs, outputs;  // inputs and outputs of one group
};

bool accepts(const Kernel& kernel, const Window& window, const Channels& channels);

size_t packed_bytes(const Kernel& kernel, int64_t taps, const Channels& channels);
/// weights: dense OIHW. By vector of outputs, then by tap and input of the group, in the order in
/// which the row sums them.
void pack(const Kernel& kernel, const float* weights, const Window& window,
          const Channels& channels, float* packed);

/// The table: every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();

/// The row that plan should take: of the best usable tier, one that permutes before one that
/// broadcasts, and one made for the window before one for any.
const Kernel* best_row(FeatureMask usable, const Window& window, const Channels& channels);

/// The reference in float64: dense NHWC x, y and residual (or null), w OIHW, bias or null.
struct Shape {
  int64_t batch, height, width, out_height, out_width;
};
void reference(const Shape& shape, const Window& window, const Channels& channels, const double* x,
               const double* w, const double* bias, const double* residual, Activation activation,
               double* y);

}  // namespace fi::grouped
