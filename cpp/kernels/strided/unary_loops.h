// The tables of unary loops, by name.
#pragma once

#include <limits>
#include <string_view>

#include "kernels/strided/elementwise.h"

namespace fi::strided {

struct FloatFunction {
  const char* name;
  DenseLoop f64, f32;
};

/// Float to the same float; null if there is no such function.
const FloatFunction* find_float_function(std::string_view name);
/// Float to boolean.
const FloatFunction* find_float_test(std::string_view name);
/// Integer to the same integer, or boolean to boolean.
DenseLoop find_integer_function(std::string_view name, DType dtype);

}  // namespace fi::strided
