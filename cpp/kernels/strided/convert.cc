// The conversions between all pairs of dtypes: one dense loop each.
#include <array>
#include <limits>
#include <type_traits>

#include "base/half.h"
#include "kernels/strided/row.h"

namespace fi::strided {
namespace {

// What the elements of dtypes without a C++ type hold.
struct F16 {
  uint16_t bits;
};
struct BF16 {
  uint16_t bits;
};
struct Bool {
  uint8_t byte;
};

int32_t truncate_s32(double x) {
  return x > -2147483649.0 && x < 2147483648.0 ? static_cast<int32_t>(x) : INT32_MIN;
}
int32_t truncate_s32(float x) {
  return x >= -2147483648.0f && x < 2147483648.0f ? static_cast<int32_t>(x) : INT32_MIN;
}
template <class S>
int64_t truncate_s64(S x) {
  return x >= S(-0x1p63) && x < S(0x1p63) ? static_cast<int64_t>(x) : INT64_MIN;
}
template <class S>
uint64_t truncate_u64(S x) {
  const bool high = x >= S(0x1p63) && x < S(0x1p64);
  return high ? static_cast<uint64_t>(x) : static_cast<uint64_t>(truncate_s64(x));
}

/// Towards zero. Out of range is undefined in C++ and ONNX; here it is what x86 and NumPy make of
/// it.
template <class D, class S>
D truncate(S x) {
  if constexpr (std::is_same_v<D, uint64_t>)
    return truncate_u64(x);
  else if constexpr (std::is_same_v<D, int64_t> || std::is_same_v<D, uint32_t>)
    return static_cast<D>(truncate_s64(x));
  else
    return static_cast<D>(truncate_s32(x));
}

/// A double as the float next to it whose last bit is odd unless it is exact, so that a second
/// rounding is as good as one (Boldo and Melquiond 2008).
float round_to_odd(double x) {
  const float f = static_cast<float>(x);
  if (static_cast<double>(f) == x || x != x || f - f != 0) return f;
  const uint32_t bits = f32_to_bits(f);
  if (bits & 1) return f;
  const bool too_far = (f < 0 ? -static_cast<double>(f) : f) > (x < 0 ? -x : x);
  return bits_to_f32(too_far ? bits - 1 : bits + 1);
}

float value(F16 x) { return f16_to_f32(x.bits); }
float value(BF16 x) { return bf16_to_f32(x.bits); }
uint8_t value(Bool x) { return x.byte != 0; }
template <class T>
T value(T x) {
  return x;
}

/// Floats and wide integers as the float that a 16-bit float is made of.
template <class S>
float narrow(S x) {
  if constexpr (std::is_same_v<S, double>)
    return round_to_odd(x);
  else
    return static_cast<float>(x);
}

template <class D, class S>
D cast(S x) {
  if constexpr (std::is_same_v<D, Bool>)
    return {static_cast<uint8_t>(x != S{})};
  else if constexpr (std::is_same_v<D, F16>)
    return {f32_to_f16(narrow(x))};
  else if constexpr (std::is_same_v<D, BF16>)
    return {f32_to_bf16(narrow(x))};
  else if constexpr (std::is_floating_point_v<S> && std::is_integral_v<D>)
    return truncate<D>(x);
  else
    return static_cast<D>(x);
}

template <class S, class D>
void convert(const void* s, void* d, int64_t n) {
  const S* __restrict from = static_cast<const S*>(s);
  D* __restrict to = static_cast<D*>(d);
  for (int64_t i = 0; i < n; ++i) to[i] = cast<D>(value(from[i]));
}

constexpr int kByteTypes = 13;
using Line = std::array<Convert, kByteTypes>;

template <class S>
constexpr Line line_of() {
  return {convert<S, double>,   convert<S, float>,    convert<S, F16>,      convert<S, BF16>,
          convert<S, int64_t>,  convert<S, int32_t>,  convert<S, int16_t>,  convert<S, int8_t>,
          convert<S, uint64_t>, convert<S, uint32_t>, convert<S, uint16_t>, convert<S, uint8_t>,
          convert<S, Bool>};
}

constexpr std::array<Line, kByteTypes> kLines = {
    line_of<double>(),   line_of<float>(),    line_of<F16>(),      line_of<BF16>(),
    line_of<int64_t>(),  line_of<int32_t>(),  line_of<int16_t>(),  line_of<int8_t>(),
    line_of<uint64_t>(), line_of<uint32_t>(), line_of<uint16_t>(), line_of<uint8_t>(),
    line_of<Bool>()};

int place(DType t) { return t == DType::boolean ? kByteTypes - 1 : static_cast<int>(t); }

static_assert(static_cast<int>(DType::f64) == 0 && static_cast<int>(DType::u8) == 11);

}  // namespace

Convert converter(DType from, DType to) {
  return from == to ? nullptr : kLines[place(from)][place(to)];
}

}  // namespace fi::strided
