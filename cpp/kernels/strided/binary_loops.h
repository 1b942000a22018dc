// The binary functions, as templates over the types that they compute in.
#pragma once

#include <cmath>
#include <limits>
#include <string_view>
#include <type_traits>

#include "kernels/strided/elementwise.h"

namespace fi::strided {

template <class T, class R, class F>
void zip(const void* const* in, void* out, int64_t n, F f) {
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  R* y = static_cast<R*>(out);
  for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
}

/// A loop over T x T -> R of a stateless function object.
template <class T, class R, class F>
constexpr DenseLoop loop_of(F) {
  return [](const void* const* in, void* out, int64_t n, const Parameters&) {
    zip<T, R>(in, out, n, F{});
  };
}

/// Functions to boolean, of every dtype; null if there is no such function.
template <class T>
DenseLoop comparison(std::string_view name) {
  using B = uint8_t;
  if (name == "equal") return loop_of<T, B>([](T a, T b) { return B(a == b); });
  if (name == "not_equal") return loop_of<T, B>([](T a, T b) { return B(a != b); });
  if (name == "less") return loop_of<T, B>([](T a, T b) { return B(a < b); });
  if (name == "less_equal") return loop_of<T, B>([](T a, T b) { return B(a <= b); });
  if (name == "greater") return loop_of<T, B>([](T a, T b) { return B(a > b); });
  if (name == "greater_equal") return loop_of<T, B>([](T a, T b) { return B(a >= b); });
  return nullptr;
}

DenseLoop float_function(std::string_view name, DType dtype);
DenseLoop signed_function(std::string_view name, DType dtype);
DenseLoop unsigned_function(std::string_view name, DType dtype);
DenseLoop boolean_function(std::string_view name);
DenseLoop find_comparison(std::string_view name, DType dtype);

}  // namespace fi::strided
