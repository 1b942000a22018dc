// Softmax along one axis of a strided f32 view:
//
//   y[i] = exp(x[i] - m) / sum_j exp(x[j] - m),   m = max_j x[j]
//   log: y[i] = x[i] - m - log(sum_j exp(x[j] - m))
//
// A NaN makes its whole row NaN; so does a row whose maximum is infinite.
#pragma once

#include <cstdint>

#include "base/features.h"
#include "base/view.h"
#include "kernels/kernel.h"

namespace fi::softmax {

/// `count` softmaxes over n elements. rows: element i of softmax r is x[r * x_outer + i]
/// (contiguous). columns: element i of softmax r is x[r + i * x_axis] (neighbours are softmaxes,
/// not elements).
struct Span {
  const float* x;
  float* y;  // may be x
  int64_t n, count;
  int64_t x_outer, y_outer;  // rows
  int64_t x_axis, y_axis;    // columns
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  bool log;
  void (*rows)(const Span&);
  void (*columns)(const Span&);
};
struct Table {
  const Kernel* const* rows;
  int count;
};
/// Every row compiled for this architecture, best tier first.
Table table();
/// The best row that a CPU with these features can run; never null.
const Kernel* find(bool log, FeatureMask features);

/// A softmax prepared for views without data.
struct Loop {
  const Kernel* kernel = nullptr;
  bool columns = false;
  int rank = 0;  // outer dimensions
  int64_t size[kMaxRank] = {};
  int64_t x_stride[kMaxRank] = {}, y_stride[kMaxRank] = {};
  int64_t count = 1, block = 1;  // softmaxes of one span, and how many of them one task does
  Span span = {};                // strides and n
  int64_t tasks = 0;
};
/// x and y: f32 views of one shape, any strides; axis in [0, rank). Throws Error(shape, dtype or
/// attribute).
Loop prepare(const Kernel& kernel, const TensorView& x, const TensorView& y, int axis);

/// Tasks [begin, end) of loop.tasks on the calling thread; no scratch. x and y may be the same
/// view.
void run(const Loop& loop, const float* x, float* y, int64_t begin, int64_t end);

/// The reference: one softmax of n dense elements in float64.
void reference(bool log, const double* x, double* y, int64_t n);

}  // namespace fi::softmax
