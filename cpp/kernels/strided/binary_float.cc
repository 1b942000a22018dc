#include "kernels/strided/binary_loops.h"

namespace fi::strided {
namespace {

/// The remainder with the divisor's sign, as Python's %.
template <class T>
T modulo(T a, T b) {
  const T r = std::fmod(a, b);
  if (r == 0) return std::copysign(r, b);
  return (r < 0) != (b < 0) ? r + b : r;
}

template <class T>
DenseLoop arithmetic(std::string_view name) {
  if (name == "add") return loop_of<T, T>([](T a, T b) { return a + b; });
  if (name == "sub") return loop_of<T, T>([](T a, T b) { return a - b; });
  if (name == "mul") return loop_of<T, T>([](T a, T b) { return a * b; });
  if (name == "div") return loop_of<T, T>([](T a, T b) { return a / b; });
  if (name == "pow") return loop_of<T, T>([](T a, T b) { return std::pow(a, b); });
  if (name == "mod") return loop_of<T, T>([](T a, T b) { return modulo(a, b); });
  if (name == "fmod") return loop_of<T, T>([](T a, T b) { return std::fmod(a, b); });
  // A comparison with NaN is false: then b, which is NaN or, if a is, replaced by a.
  if (name == "min") return loop_of<T, T>([](T a, T b) { return a < b || a != a ? a : b; });
  if (name == "max") return loop_of<T, T>([](T a, T b) { return a > b || a != a ? a : b; });
  if (name == "prelu") return loop_of<T, T>([](T a, T b) { return a < 0 ? a * b : a; });
  return nullptr;
}

}  // namespace

DenseLoop float_function(std::string_view name, DType dtype) {
  return dtype == DType::f64 ? arithmetic<double>(name) : arithmetic<float>(name);
}

}  // namespace fi::strided
