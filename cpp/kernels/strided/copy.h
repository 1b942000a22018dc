// Data movement without computation.
#pragma once

#include "kernels/strided/operation.h"

namespace fi::strided {

/// y[i] = x[i] in y's dtype, same shape; any strides (x may broadcast with stride 0, both may be
/// transposed or negative). Casts as ONNX Cast and NumPy: float to integer truncates towards zero
/// (out of range and NaN: s32 and s64 give the minimum, narrower integers the low bits of the s32),
/// integer to integer keeps the low bits, anything to boolean is x != 0 (NaN is true), to f16 and
/// bf16 rounds to nearest even. Contiguous runs are memcpy, transposes go by square blocks.
OperationPtr make_copy(const TensorView& x, const TensorView& y);

/// y[i] = value.
OperationPtr make_fill(const TensorView& y, Scalar value);

/// y[i] = condition[i] ? a[i] : b[i]; all of one shape (broadcast = stride 0), a, b and y of one
/// dtype.
OperationPtr make_where(const TensorView& condition, const TensorView& a, const TensorView& b,
                        const TensorView& y);

/// y = x where on or below (upper: above) the k-th diagonal of the last two axes, else 0.
OperationPtr make_trilu(const TensorView& x, const TensorView& y, int64_t k, bool upper);

}  // namespace fi::strided
