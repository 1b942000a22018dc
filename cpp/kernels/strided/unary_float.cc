// Unary functions of f32 and f64: the plain formulas; the eltwise room has the fast ones.
#include <cmath>
#include <type_traits>

#include "kernels/strided/unary_loops.h"

namespace fi::strided {
namespace {

template <class T, auto f>
void map(const void* const* in, void* out, int64_t n, const Parameters& parameters) {
  const T* x = static_cast<const T*>(in[0]);
  T* y = static_cast<T*>(out);
  const T alpha = static_cast<T>(parameters.alpha), beta = static_cast<T>(parameters.beta);
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i], alpha, beta);
}

template <class T, auto f>
void test(const void* const* in, void* out, int64_t n, const Parameters& parameters) {
  const T* x = static_cast<const T*>(in[0]);
  uint8_t* y = static_cast<uint8_t*>(out);
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i], parameters);
}

/// log(1 + exp(x)) without overflow.
template <class T>
T softplus(T x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}
template <class T>
T sigmoid(T x) {
  return 1 / (1 + std::exp(-x));
}
/// NaN passes.
template <class T>
T clamp(T x, T low, T high) {
  return x < low ? low : x > high ? high : x;
}

// A function object for both types; alpha and beta are named a and b.
#define FI_FUNCTION(name, formula)            \
  {name,                                      \
   map<double,                                \
       [](double x, double a, double b) {     \
         using T = double;                    \
         (void)a, (void)b;                    \
         return static_cast<T>(formula);      \
       }>,                                    \
   map<float, [](float x, float a, float b) { \
     using T = float;                         \
     (void)a, (void)b;                        \
     return static_cast<T>(formula);          \
   }>}

constexpr FloatFunction kFunctions[] = {
    FI_FUNCTION("relu", x < 0 ? T(0) : x),
    FI_FUNCTION("leaky_relu", x < 0 ? a * x : x),
    FI_FUNCTION("elu", x < 0 ? a * std::expm1(x) : x),
    FI_FUNCTION("selu", x > 0 ? b * x : b * a * std::expm1(x)),
    FI_FUNCTION("celu", x > 0 ? x : a * std::expm1(x / a)),
    FI_FUNCTION("clamp", clamp(x, a, b)),
    FI_FUNCTION("sigmoid", sigmoid(x)),
    FI_FUNCTION("hard_sigmoid", clamp(a* x + b, T(0), T(1))),
    FI_FUNCTION("hard_swish", x* clamp(x / 6 + T(0.5), T(0), T(1))),
    FI_FUNCTION("silu", x* sigmoid(x)),
    FI_FUNCTION("tanh", std::tanh(x)),
    FI_FUNCTION("gelu", x * (1 + std::erf(x * T(M_SQRT1_2))) / 2),
    FI_FUNCTION("gelu_tanh",
                x * (1 + std::tanh(T(M_2_SQRTPI * M_SQRT1_2) * (x + T(0.044715) * x * x * x))) / 2),
    FI_FUNCTION("softplus", softplus(x)),
    FI_FUNCTION("softsign", x / (1 + std::abs(x))),
    FI_FUNCTION("erf", std::erf(x)),
    FI_FUNCTION("sign", x > 0    ? T(1)
                        : x < 0  ? T(-1)
                        : x == 0 ? T(0)
                                 : x),
    FI_FUNCTION("sqrt", std::sqrt(x)),
    FI_FUNCTION("exp", std::exp(x)),
    FI_FUNCTION("log", std::log(x)),
    FI_FUNCTION("abs", std::abs(x)),
    FI_FUNCTION("neg", -x),
    FI_FUNCTION("floor", std::floor(x)),
    FI_FUNCTION("ceil", std::ceil(x)),
    FI_FUNCTION("round", std::nearbyint(x)),
    FI_FUNCTION("reciprocal", 1 / x),
    FI_FUNCTION("sin", std::sin(x)),
    FI_FUNCTION("cos", std::cos(x)),
    FI_FUNCTION("tan", std::tan(x)),
    FI_FUNCTION("asin", std::asin(x)),
    FI_FUNCTION("acos", std::acos(x)),
    FI_FUNCTION("atan", std::atan(x)),
    FI_FUNCTION("sinh", std::sinh(x)),
    FI_FUNCTION("cosh", std::cosh(x)),
    FI_FUNCTION("asinh", std::asinh(x)),
    FI_FUNCTION("acosh", std::acosh(x)),
    FI_FUNCTION("atanh", std::atanh(x)),
    FI_FUNCTION("thresholded_relu", x > a ? x : T(0)),
    FI_FUNCTION("mish", x* std::tanh(softplus(x))),
    FI_FUNCTION("shrink", x<-a ? x + b : x> a ? x - b : T(0)),
};
#undef FI_FUNCTION

constexpr auto is_nan = [](auto x, const Parameters&) -> uint8_t { return x != x; };
constexpr auto is_inf = [](auto x, const Parameters& p) -> uint8_t {
  constexpr auto inf = std::numeric_limits<decltype(x)>::infinity();
  return (p.alpha != 0 && x == -inf) || (p.beta != 0 && x == inf);
};

constexpr FloatFunction kTests[] = {
    {"is_nan", test<double, is_nan>, test<float, is_nan>},
    {"is_inf", test<double, is_inf>, test<float, is_inf>},
};

}  // namespace

const FloatFunction* find_float_function(std::string_view name) {
  for (const FloatFunction& f : kFunctions) {
    if (name == f.name) return &f;
  }
  return nullptr;
}

const FloatFunction* find_float_test(std::string_view name) {
  for (const FloatFunction& f : kTests) {
    if (name == f.name) return &f;
  }
  return nullptr;
}

}  // namespace fi::strided
