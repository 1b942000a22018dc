// The drivers: spans where the innermost strides are 0 or 1, a gather to the stack where they are
// not.
#include <cstring>
#include <limits>

#include "base/error.h"
#include "kernels/dimensions.h"
#include "kernels/eltwise/nest.h"

namespace fi::eltwise {
namespace {

constexpr int64_t kGather = 256;  // elements gathered at a time
constexpr int64_t kTile = 512;    // elements of a repeated short row
constexpr int64_t kShortRow = 64;

void gather(const float* src, int64_t stride, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = src[i * stride];
}

void scatter(const float* src, float* out, int64_t stride, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i * stride] = src[i];
}

void run_block(const UnaryLoop& loop, const Block& block, const float* x, float* y) {
  const Nest& nest = loop.nest;
  if (nest.inner_stride[0] == 1 && nest.inner_stride[1] == 1) {
    loop.kernel->run(
        {x, y, block.rows, block.n, nest.row_stride[0], nest.row_stride[1], loop.alpha, loop.beta});
    return;
  }
  float buffer[kGather];
  for (int64_t r = 0; r < block.rows; ++r) {
    for (int64_t i = 0; i < block.n; i += kGather) {
      const int64_t n = std::min(kGather, block.n - i);
      gather(x + r * nest.row_stride[0] + i * nest.inner_stride[0], nest.inner_stride[0], buffer,
             n);
      loop.kernel->run({buffer, buffer, 1, n, 0, 0, loop.alpha, loop.beta});
      scatter(buffer, y + r * nest.row_stride[1] + i * nest.inner_stride[1], nest.inner_stride[1],
              n);
    }
  }
}

/// The kernel, then the activation over the same elements while they are in L1.
void run_span(const BinaryLoop& loop, int form, const BinarySpan& span) {
  loop.kernel->run[form](span);
  if (!loop.activation) return;
  loop.activation->run(
      {span.y, span.y, span.rows, span.n, span.y_row, span.y_row, loop.alpha, loop.beta});
}

/// Which operand (0 or 1) is a short row repeated over dense rows of the other and the result; -1:
/// none.
int repeated_operand(const Nest& nest, const Block& block) {
  if (block.n >= kShortRow || block.rows < 2 || nest.row_stride[2] != nest.n) return -1;
  for (int k = 0; k < 2; ++k) {
    const bool repeated = nest.row_stride[k] == 0 && nest.inner_stride[k] == 1;
    const bool dense = nest.row_stride[1 - k] == nest.n && nest.inner_stride[1 - k] == 1;
    if (repeated && dense) return k;
  }
  return -1;
}

/// Few channels under many pixels: the short row is repeated on the stack, so that whole vectors
/// run over it.
void run_repeated(const BinaryLoop& loop, int repeated, const Block& block, const float* const* in,
                  float* y) {
  float tile[kTile];
  const int64_t copies = std::min(kTile / block.n, block.rows);
  for (int64_t i = 0; i < copies; ++i) {
    std::memcpy(tile + i * block.n, in[repeated], static_cast<size_t>(block.n) * sizeof(float));
  }
  for (int64_t r = 0; r < block.rows; r += copies) {
    const int64_t at = r * block.n, n = std::min(copies, block.rows - r) * block.n;
    const float* a = repeated == 0 ? tile : in[0] + at;
    const float* b = repeated == 1 ? tile : in[1] + at;
    run_span(loop, kVectors, {a, b, y + at, 1, n, 0, 0, 0, loop.low, loop.high});
  }
}

/// Any inner strides: operands that are neither single nor contiguous go through the stack.
void run_gathered(const BinaryLoop& loop, const Block& block, const float* const* in, float* y) {
  const Nest& nest = loop.nest;
  float buffers[3][kGather];
  int form = 0;
  for (int k = 0; k < 2; ++k) form |= nest.inner_stride[k] == 0 ? 1 << k : 0;
  for (int64_t r = 0; r < block.rows; ++r) {
    for (int64_t i = 0; i < block.n; i += kGather) {
      const int64_t n = std::min(kGather, block.n - i);
      const float* operand[2];
      for (int k = 0; k < 2; ++k) {
        const int64_t stride = nest.inner_stride[k];
        operand[k] = in[k] + r * nest.row_stride[k] + i * stride;
        if (stride == 0 || stride == 1) continue;
        gather(operand[k], stride, buffers[k], n);
        operand[k] = buffers[k];
      }
      run_span(loop, form,
               {operand[0], operand[1], buffers[2], 1, n, 0, 0, 0, loop.low, loop.high});
      scatter(buffers[2], y + r * nest.row_stride[2] + i * nest.inner_stride[2],
              nest.inner_stride[2], n);
    }
  }
}

void run_block(const BinaryLoop& loop, const Block& block, const float* a, const float* b,
               float* y) {
  const Nest& nest = loop.nest;
  const float* const in[2] = {a, b};
  int form = 0;
  bool spans = nest.inner_stride[2] == 1;
  for (int k = 0; k < 2; ++k) {
    if (nest.inner_stride[k] == 0) form |= 1 << k;
    spans &= nest.inner_stride[k] == 0 || nest.inner_stride[k] == 1;
  }
  if (!spans) return run_gathered(loop, block, in, y);
  if (const int k = repeated_operand(nest, block); k >= 0)
    return run_repeated(loop, k, block, in, y);
  run_span(loop, form,
           {a, b, y, block.rows, block.n, nest.row_stride[0], nest.row_stride[1],
            nest.row_stride[2], loop.low, loop.high});
}

/// The unary function that does an activation, with its parameters.
struct ActivationFunction {
  Unary function;
  float alpha, beta;
};
ActivationFunction function_of(const Activation& activation) {
  switch (activation.kind) {
    case ActivationKind::leaky_relu:
      return {Unary::leaky_relu, activation.alpha, 0};
    case ActivationKind::sigmoid:
      return {Unary::sigmoid, 0, 0};
    case ActivationKind::hard_sigmoid:
      return {Unary::hard_sigmoid, activation.alpha, activation.beta};
    case ActivationKind::hard_swish:
      return {Unary::hard_swish, 0, 0};
    case ActivationKind::silu:
      return {Unary::silu, 1, 0};
    case ActivationKind::tanh:
      return {Unary::tanh, 0, 0};
    case ActivationKind::elu:
      return {Unary::elu, activation.alpha, 0};
    case ActivationKind::gelu:
      return {Unary::gelu, 0, 0};
    case ActivationKind::none:
    case ActivationKind::clamp:
      break;
  }
  throw Error(ErrorKind::internal, "activation has no element-wise function");
}

}  // namespace

UnaryLoop prepare_unary(const UnaryKernel& kernel, const TensorView& x, const TensorView& y,
                        float alpha, float beta) {
  const TensorView* const operands[] = {&x, &y};
  check_f32_views(operands, 2);
  return {&kernel, make_nest(operands, 2), alpha, beta};
}

BinaryLoop prepare_binary(const BinaryKernel& kernel, FeatureMask features, const TensorView& a,
                          const TensorView& b, const TensorView& y, const Activation& activation) {
  const TensorView* const operands[] = {&a, &b, &y};
  check_f32_views(operands, 3);
  BinaryLoop loop;
  loop.kernel = &kernel;
  loop.nest = make_nest(operands, 3);
  loop.high = std::numeric_limits<float>::infinity();
  loop.low = -loop.high;
  if (activation.kind == ActivationKind::clamp) {
    loop.low = activation.alpha;
    loop.high = activation.beta;
  } else if (activation.kind != ActivationKind::none) {
    const ActivationFunction f = function_of(activation);
    loop.activation = find(f.function, features);
    loop.alpha = f.alpha;
    loop.beta = f.beta;
  }
  return loop;
}

void run(const UnaryLoop& loop, const float* x, float* y, int64_t begin, int64_t end) {
  for (int64_t task = begin; task < end; ++task) {
    const Block block = block_of(loop.nest, task);
    run_block(loop, block, x + block.offset[0], y + block.offset[1]);
  }
}

void run(const BinaryLoop& loop, const float* a, const float* b, float* y, int64_t begin,
         int64_t end) {
  for (int64_t task = begin; task < end; ++task) {
    const Block block = block_of(loop.nest, task);
    run_block(loop, block, a + block.offset[0], b + block.offset[1], y + block.offset[2]);
  }
}

}  // namespace fi::eltwise
