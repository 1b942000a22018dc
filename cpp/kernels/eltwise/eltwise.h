// Element-wise f32 functions over strided views:
//
//   unary   y[i] = f(x[i])
//   binary  y[i] = activation(f(a[i], b[i]))    where a stride of 0 broadcasts
//
// prepare_*() coalesces the dimensions of views without data into a short loop nest around a row of
// the table; run() then does a range of its tasks on the calling thread, with no scratch. Elements
// are computed by the same vector code whatever the strides and the division into tasks, so results
// never depend on threads.
#pragma once

#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "base/view.h"
#include "kernels/eltwise/kernel.h"

namespace fi::eltwise {

struct UnaryTable {
  const UnaryKernel* const* rows;
  int count;
};
struct BinaryTable {
  const BinaryKernel* const* rows;
  int count;
};
/// Every row compiled for this architecture, best tier first.
UnaryTable unary_table();
BinaryTable binary_table();

/// The best row that a CPU with these features can run; never null.
const UnaryKernel* find(Unary function, FeatureMask features);
const BinaryKernel* find(Binary function, FeatureMask features);

/// Coalesced loops over up to three operands (the result is the last). Dimension 0 is the
/// outermost; the last two make one span call: span_rows rows of n elements.
struct Nest {
  static constexpr int kOperands = 3;
  int operands = 0;
  int rank = 0;  // outer dimensions
  int64_t size[kMaxRank] = {};
  int64_t stride[kOperands][kMaxRank] = {};
  int64_t rows = 1, n = 1;
  int64_t row_stride[kOperands] = {};
  int64_t inner_stride[kOperands] = {};
  int64_t block_rows = 1, block_n = 1;  // what one task does of rows x n
  int64_t tasks = 0;                    // 0 if the views are empty
};

struct UnaryLoop {
  const UnaryKernel* kernel = nullptr;
  Nest nest;
  float alpha = 0, beta = 0;
};
struct BinaryLoop {
  const BinaryKernel* kernel = nullptr;
  const UnaryKernel* activation = nullptr;  // null: none, or a clamp that the kernel applies itself
  Nest nest;
  float low = 0, high = 0;    // the kernel's clamp
  float alpha = 0, beta = 0;  // of `activation`
};

/// Shapes equal (binary: broadcast by stride 0 in the inputs), f32; throws Error(shape or dtype)
/// otherwise. The views' data is not read. In place is allowed where an input's strides equal the
/// output's.
UnaryLoop prepare_unary(const UnaryKernel& kernel, const TensorView& x, const TensorView& y,
                        float alpha = 0, float beta = 0);
BinaryLoop prepare_binary(const BinaryKernel& kernel, FeatureMask features, const TensorView& a,
                          const TensorView& b, const TensorView& y,
                          const Activation& activation = {});

/// Tasks [begin, end) of loop.nest.tasks; a task is at most 4096 elements.
void run(const UnaryLoop& loop, const float* x, float* y, int64_t begin, int64_t end);
void run(const BinaryLoop& loop, const float* a, const float* b, float* y, int64_t begin,
         int64_t end);

/// The references, one element in float64.
double reference(Unary function, double x, double alpha, double beta);
double reference(Binary function, double a, double b);

}  // namespace fi::eltwise
