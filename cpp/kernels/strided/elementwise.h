// The frame of unary, binary and where: dense loops in a compute type, fed row by row from any
// strides and dtypes.
#pragma once

#include <initializer_list>
#include <type_traits>

#include "kernels/strided/iterator.h"
#include "kernels/strided/operation.h"
#include "kernels/strided/row.h"

namespace fi::strided {

struct Parameters {
  double alpha = 0, beta = 0;
};

/// y[i] = f(in[0][i], in[1][i], ...) for dense rows of n elements of the loop's own types.
using DenseLoop = void (*)(const void* const* in, void* y, int64_t n, const Parameters& parameters);

/// An input view and the dtype that the loop takes it in.
struct Operand {
  const TensorView& view;
  DType as;
};

/// All operands have one shape (checked by the caller); the loop writes elements of dtype `result`.
OperationPtr make_elementwise(std::initializer_list<Operand> inputs, const TensorView& y,
                              DType result, DenseLoop loop, Parameters parameters = {});

}  // namespace fi::strided
