// The factory of binary operations, comparisons and logic.
#include "kernels/strided/binary.h"

#include <string>

#include "base/error.h"
#include "kernels/strided/binary_loops.h"

namespace fi::strided {
namespace {

DenseLoop arithmetic_function(std::string_view name, DType dtype) {
  if (dtype == DType::boolean) return boolean_function(name);
  switch (accumulator_dtype(dtype)) {
    case DType::f64:
      return float_function(name, dtype);
    case DType::s64:
      return signed_function(name, dtype);
    default:
      return unsigned_function(name, dtype);
  }
}

}  // namespace

DenseLoop boolean_function(std::string_view name) {
  using B = uint8_t;
  if (name == "and") return loop_of<B, B>([](B a, B b) { return B(a != 0 && b != 0); });
  if (name == "or") return loop_of<B, B>([](B a, B b) { return B(a != 0 || b != 0); });
  if (name == "xor") return loop_of<B, B>([](B a, B b) { return B((a != 0) != (b != 0)); });
  return nullptr;
}

DenseLoop find_comparison(std::string_view name, DType dtype) {
  return visit_native(dtype, [&](auto zero) { return comparison<decltype(zero)>(name); });
}

OperationPtr make_binary(const TensorView& a, const TensorView& b, const TensorView& y,
                         std::string_view function) {
  require_bytes(a, "binary");
  require_same_shape(a, y, "binary");
  require_same_shape(b, y, "binary");
  require_same_dtype(a, b, "binary");
  const DType as = compute_dtype(a.dtype);
  if (const DenseLoop loop = find_comparison(function, as)) {
    require_dtype(y, DType::boolean, "binary");
    return make_elementwise({{a, as}, {b, as}}, y, DType::boolean, loop);
  }
  require_same_dtype(a, y, "binary");
  const DenseLoop loop = arithmetic_function(function, as);
  if (!loop) {
    throw Error(ErrorKind::unsupported,
                "binary: no function " + std::string(function) + " of " + name_of(a.dtype));
  }
  return make_elementwise({{a, as}, {b, as}}, y, as, loop);
}

}  // namespace fi::strided
