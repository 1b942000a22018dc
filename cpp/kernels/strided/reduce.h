#pragma once

#include <string_view>

#include "kernels/strided/operation.h"

namespace fi::strided {

/// y = function of x over the axes where y's size is 1 (y has x's rank), same dtype. function: sum
/// mean max min prod l1 l2 sum_square log_sum log_sum_exp. Floats accumulate in f64; integers in 64
/// bits, wrapping, and mean, l2 and logarithms truncate; max and min propagate NaN; boolean has max
/// (any) and min (all). Over no elements: sum, l1, l2, sum_square 0, prod 1, max and min the
/// dtype's lowest and highest value (floats: -inf, inf), log_sum and log_sum_exp -inf, mean NaN.
OperationPtr make_reduce(const TensorView& x, const TensorView& y, std::string_view function);

/// y (s64, x's shape with 1 at axis) = index of the greatest (`largest`) or least element; of
/// equals the first, or the last with select_last; a NaN counts as the extreme, as in NumPy.
OperationPtr make_arg_reduce(const TensorView& x, const TensorView& y, bool largest, int axis,
                             bool select_last);

/// y[.., i, ..] = sum of x[.., j, ..] over j <= i along axis; exclusive: j < i; reverse: from the
/// end.
OperationPtr make_cumsum(const TensorView& x, const TensorView& y, int axis, bool exclusive,
                         bool reverse);

}  // namespace fi::strided
