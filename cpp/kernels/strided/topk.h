#pragma once

#include "kernels/strided/operation.h"

namespace fi::strided {

/// The k (values' size at axis) largest or smallest elements along axis, in order, and their
/// indices (s64). Of equals the lower index comes first; NaN counts as greater than every number.
/// Results are always sorted, which `sorted` = 0 allows. Scratch: 16 bytes per element of the axis.
OperationPtr make_topk(const TensorView& x, const TensorView& values, const TensorView& indices,
                       int axis, bool largest);

}  // namespace fi::strided
