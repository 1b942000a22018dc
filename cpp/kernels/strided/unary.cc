// The factory of unary operations, and the functions of integers and booleans.
#include "kernels/strided/unary.h"

#include <string>
#include <type_traits>

#include "base/error.h"
#include "kernels/strided/unary_loops.h"

namespace fi::strided {
namespace {

/// The nearest T to a bound that may be infinite.
template <class T>
T bound(double x) {
  using Limits = std::numeric_limits<T>;
  if (x <= static_cast<double>(Limits::min())) return Limits::min();
  if (x >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<T>(x);
}

/// Negation wraps: in unsigned arithmetic it is defined.
template <class T>
T negate(T x) {
  return static_cast<T>(std::make_unsigned_t<T>(0) - static_cast<std::make_unsigned_t<T>>(x));
}

template <class T, class F>
void map(const void* const* in, void* out, int64_t n, F f) {
  const T* x = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
}

template <class T>
void relu(const void* const* in, void* out, int64_t n, const Parameters&) {
  map<T>(in, out, n, [](T x) { return x > 0 ? x : T(0); });
}
template <class T>
void clamp(const void* const* in, void* out, int64_t n, const Parameters& p) {
  const T low = bound<T>(p.alpha), high = bound<T>(p.beta);
  map<T>(in, out, n, [=](T x) { return x < low ? low : x > high ? high : x; });
}
template <class T>
void sign(const void* const* in, void* out, int64_t n, const Parameters&) {
  map<T>(in, out, n, [](T x) { return x > 0 ? T(1) : x == 0 ? T(0) : T(-1); });
}
template <class T>
void abs(const void* const* in, void* out, int64_t n, const Parameters&) {
  map<T>(in, out, n, [](T x) { return x > 0 ? x : std::is_signed_v<T> ? negate(x) : x; });
}
template <class T>
void neg(const void* const* in, void* out, int64_t n, const Parameters&) {
  map<T>(in, out, n, negate<T>);
}
template <class T>
void bit_not(const void* const* in, void* out, int64_t n, const Parameters&) {
  map<T>(in, out, n, [](T x) { return static_cast<T>(~x); });
}
void logical_not(const void* const* in, void* out, int64_t n, const Parameters&) {
  map<uint8_t>(in, out, n, [](uint8_t x) { return static_cast<uint8_t>(x == 0); });
}

template <class T>
DenseLoop integer_function(std::string_view name) {
  if (name == "relu") return relu<T>;
  if (name == "clamp") return clamp<T>;
  if (name == "sign") return sign<T>;
  if (name == "abs") return abs<T>;
  if (name == "neg") return neg<T>;
  if (name == "bit_not") return bit_not<T>;
  return nullptr;
}

bool is_float(DType t) { return accumulator_dtype(t) == DType::f64; }

}  // namespace

DenseLoop find_integer_function(std::string_view name, DType dtype) {
  if (dtype == DType::boolean) return name == "not" ? logical_not : nullptr;
  return visit_native(dtype, [&](auto zero) -> DenseLoop {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T>)
      return integer_function<T>(name);
    else
      return nullptr;
  });
}

OperationPtr make_unary(const TensorView& x, const TensorView& y, std::string_view function,
                        double alpha, double beta) {
  require_same_shape(x, y, "unary");
  require_bytes(x, "unary");
  const DType as = compute_dtype(x.dtype);
  const Parameters parameters{alpha, beta};
  if (const FloatFunction* f = is_float(x.dtype) ? find_float_test(function) : nullptr) {
    require_dtype(y, DType::boolean, "unary");
    return make_elementwise({{x, as}}, y, DType::boolean, as == DType::f64 ? f->f64 : f->f32,
                            parameters);
  }
  require_same_dtype(x, y, "unary");
  DenseLoop loop = nullptr;
  if (!is_float(x.dtype)) {
    loop = find_integer_function(function, x.dtype);
  } else if (const FloatFunction* f = find_float_function(function)) {
    loop = as == DType::f64 ? f->f64 : f->f32;
  }
  if (!loop) {
    throw Error(ErrorKind::unsupported,
                "unary: no function " + std::string(function) + " of " + name_of(x.dtype));
  }
  return make_elementwise({{x, as}}, y, as, loop, parameters);
}

}  // namespace fi::strided
