// The rows of the element-wise room: f32 spans, two-dimensional so that short rows (few channels)
// cost no calls.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"

namespace fi::eltwise {

/// y = f(x), with the parameters alpha and beta that some functions read.
enum class Unary : uint8_t {
  relu,              // max(x, 0)
  clamp,             // min(max(x, alpha), beta)
  leaky_relu,        // x < 0 ? alpha x : x
  thresholded_relu,  // x > alpha ? x : 0
  elu,               // x < 0 ? alpha (exp(x) - 1) : x
  selu,              // beta (x < 0 ? alpha (exp(x) - 1) : x): beta is ONNX's gamma
  celu,              // max(0, x) + min(0, alpha (exp(x / alpha) - 1))
  sigmoid,           // 1 / (1 + exp(-x))
  hard_sigmoid,      // min(max(alpha x + beta, 0), 1)
  hard_swish,        // x min(max(x / 6 + 1/2, 0), 1)
  silu,              // x sigmoid(alpha x); alpha 0 stands for 1
  mish,              // x tanh(softplus(x))
  tanh,
  gelu,       // x (1 + erf(x / sqrt 2)) / 2
  gelu_tanh,  // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  softplus,   // log(1 + exp(x))
  softsign,   // x / (1 + |x|)
  erf,
  exp,
  log,
  sqrt,
  reciprocal,
  abs,
  neg,
  sign,  // -1, 0 or 1; NaN stays
  floor,
  ceil,
  round,  // half to even
};
inline constexpr int kUnaries = 28;

/// y = f(a, b); NaN propagates through min and max.
enum class Binary : uint8_t {
  add,
  sub,
  mul,
  div,
  min,
  max,
  pow,
  prelu,  // a < 0 ? b a : a
};
inline constexpr int kBinaries = 8;

const char* name_of(Unary function);
const char* name_of(Binary function);
/// False if this room has no such function (rarer ones live in the strided room).
bool unary_from_name(const char* name, Unary* out);
bool binary_from_name(const char* name, Binary* out);

/// `rows` spans of n elements; the elements of a span are contiguous, spans are row strides
/// (elements) apart.
struct UnarySpan {
  const float* x;
  float* y;
  int64_t rows, n;
  int64_t x_row, y_row;
  float alpha, beta;
};

/// The same for two operands, then y = min(max(f(a, b), low), high); -inf and inf leave f as it is.
struct BinarySpan {
  const float *a, *b;
  float* y;
  int64_t rows, n;
  int64_t a_row, b_row, y_row;
  float low, high;
};

/// Rows of the tables. x and y (a or b and y) may be the same spans, but not otherwise overlap.
struct UnaryKernel {
  KernelInfo info;
  Unary function;
  void (*run)(const UnarySpan&);
};
/// By form: bit 0: one a for the whole span (inner stride 0) instead of one per element; bit 1: the
/// same of b.
enum BinaryForm { kVectors = 0, kScalarA = 1, kScalarB = 2, kScalars = 3 };
struct BinaryKernel {
  KernelInfo info;
  Binary function;
  void (*run[4])(const BinarySpan&);
};

}  // namespace fi::eltwise
