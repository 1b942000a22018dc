// Integer arithmetic that wraps and never traps, for binary_signed.cc and binary_unsigned.cc.
#include "kernels/strided/binary_loops.h"

namespace fi::strided {
namespace {

/// Wide enough that neither promotion nor overflow is signed.
template <class T>
using Unsigned = std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;

template <class T>
T negate(T x) {
  return static_cast<T>(Unsigned<T>(0) - static_cast<Unsigned<T>>(x));
}

template <class T>
T divide(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return negate(a);
  }
  return static_cast<T>(a / b);
}

template <class T>
T remainder(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
  }
  return static_cast<T>(a % b);
}

/// The remainder with the divisor's sign.
template <class T>
T modulo(T a, T b) {
  const T r = remainder(a, b);
  return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
}

template <class T>
T power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
  }
  Unsigned<T> result = 1, square = static_cast<Unsigned<T>>(base);
  for (auto e = static_cast<std::make_unsigned_t<T>>(exponent); e != 0; e >>= 1) {
    if (e & 1) result *= square;
    square *= square;
  }
  return static_cast<T>(result);
}

template <class T>
bool too_far(T shift) {
  return shift < 0 || shift >= static_cast<T>(8 * sizeof(T));
}

template <class T>
DenseLoop arithmetic(std::string_view name) {
  using U = Unsigned<T>;
  if (name == "add") return loop_of<T, T>([](T a, T b) { return T(U(a) + U(b)); });
  if (name == "sub") return loop_of<T, T>([](T a, T b) { return T(U(a) - U(b)); });
  if (name == "mul") return loop_of<T, T>([](T a, T b) { return T(U(a) * U(b)); });
  if (name == "div") return loop_of<T, T>([](T a, T b) { return divide(a, b); });
  if (name == "mod") return loop_of<T, T>([](T a, T b) { return modulo(a, b); });
  if (name == "fmod") return loop_of<T, T>([](T a, T b) { return remainder(a, b); });
  if (name == "pow") return loop_of<T, T>([](T a, T b) { return power(a, b); });
  if (name == "min") return loop_of<T, T>([](T a, T b) { return a < b ? a : b; });
  if (name == "max") return loop_of<T, T>([](T a, T b) { return a > b ? a : b; });
  if (name == "prelu") return loop_of<T, T>([](T a, T b) { return a < 0 ? T(U(a) * U(b)) : a; });
  if (name == "bit_and") return loop_of<T, T>([](T a, T b) { return T(a & b); });
  if (name == "bit_or") return loop_of<T, T>([](T a, T b) { return T(a | b); });
  if (name == "bit_xor") return loop_of<T, T>([](T a, T b) { return T(a ^ b); });
  if (name == "shift_left") {
    return loop_of<T, T>([](T a, T b) { return too_far(b) ? T(0) : T(U(a) << b); });
  }
  if (name == "shift_right") {
    return loop_of<T, T>([](T a, T b) {
      const T sign = a < 0 ? T(-1) : T(0);
      return too_far(b) ? sign : T(a >> b);
    });
  }
  return nullptr;
}

}  // namespace
}  // namespace fi::strided
