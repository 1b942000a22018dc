#pragma once

#include <string_view>

#include "kernels/strided/operation.h"

namespace fi::strided {

/// y[i] = function(a[i], b[i]), one shape (broadcast = stride 0), a and b of one dtype.
/// To the same dtype: add sub mul div pow min max mod fmod prelu (b is the slope); of integers also
/// bit_and bit_or bit_xor shift_left shift_right. To boolean: equal not_equal less less_equal
/// greater greater_equal; of booleans and or xor. f16 and bf16 compute in f32. Integers wrap. x / 0
/// and x mod 0 are 0, min / -1 wraps to min; div truncates; mod takes the divisor's sign, fmod the
/// dividend's; pow with a negative exponent truncates the exact value (0 to a negative power is 0);
/// a shift by less than 0 or by the width or more leaves the sign (right) or 0 (left). min and max
/// propagate NaN.
OperationPtr make_binary(const TensorView& a, const TensorView& b, const TensorView& y,
                         std::string_view function);

}  // namespace fi::strided
