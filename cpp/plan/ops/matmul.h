// A batched product of strided views, and the two ways to compute it.
#pragma once

#include <memory>

#include "plan/coded_weight.h"
#include "plan/ops/conv.h"

namespace fi::plan {

/// y(.., m, n) = activation(alpha * sum_k a(.., m, k) * b(.., k, n) + bias(n) + residual(.., m,
/// n)). Strides in elements. Batch axes along which b stays the same are joined with m where the
/// other views allow it.
struct MatmulProblem {
  Operand a, b, y, residual;
  WeightPtr weight;  // instead of b
  FloatSource bias;
  float alpha = 1;
  Activation activation;
  int64_t m = 0, n = 0, k = 0;
  int64_t a_m = 0, a_k = 0, b_k = 0, b_n = 0, y_m = 0, y_n = 0, residual_m = 0, residual_n = 0;
  bool copies_residual = false;  // to row-major f32: the strides above are of the copy

  struct Axis {
    int64_t size, a, b, y, residual;
  };
  int batch_rank = 0;
  Axis batch[kMaxRank] = {};

  struct Offsets {
    int64_t a = 0, b = 0, y = 0, residual = 0;
  };
  int64_t batches() const;
  Offsets offsets(int64_t batch_number) const;
  /// The different right-hand sides: how many, which one a batch takes, where each starts.
  int64_t rhs_count() const;
  int64_t rhs_number(int64_t batch_number) const;
  int64_t rhs_offset(int64_t number) const;
};

MatmulProblem matmul_problem(const Program& program, const Step& step, bool may_copy_residual);

/// Packed panels and micro-kernels: f32, y's rows contiguous, k > 0.
std::unique_ptr<Operator> make_gemm_matmul(const MatmulProblem& problem, PrepareContext& context);
/// A weight in the gapped or coded form, read once for a few rows: f32, rows of a and y contiguous.
std::unique_ptr<Operator> make_coded_matmul(const MatmulProblem& problem, codebook::Form form,
                                            const CodedWeight& weight, PrepareContext& context);
/// One element after the other: f32, f64 and integers of 32 and 64 bits, any strides.
std::unique_ptr<Operator> make_naive_matmul(const Step& step, const MatmulProblem& problem);

}  // namespace fi::plan
