#pragma once

#include "base/dtype.h"
#include "kernels/strided/operation.h"

namespace fi::strided {

/// Writes the value as one element of `dtype`.
void store_scalar(Scalar value, DType dtype, void* out);

}  // namespace fi::strided
