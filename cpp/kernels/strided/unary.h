#pragma once

#include <string_view>

#include "kernels/strided/operation.h"

namespace fi::strided {

/// y[i] = function(x[i]), any strides, same shape. f16 and bf16 compute in f32, f64 in f64.
/// Of floats: relu leaky_relu elu selu celu clamp sigmoid hard_sigmoid hard_swish silu tanh gelu
/// gelu_tanh softplus softsign erf sign sqrt exp log abs neg floor ceil round reciprocal sin cos
/// tan asin acos atan sinh cosh asinh acosh atanh thresholded_relu mish shrink; is_nan and is_inf
/// to boolean (is_inf: alpha != 0 finds -inf, beta != 0 +inf). Of integers: relu clamp sign abs neg
/// bit_not (overflow wraps). Of booleans: not. alpha and beta are the ONNX attributes, clamp's
/// bounds (infinite: none); shrink: lambd, bias.
OperationPtr make_unary(const TensorView& x, const TensorView& y, std::string_view function,
                        double alpha = 0, double beta = 0);

}  // namespace fi::strided
