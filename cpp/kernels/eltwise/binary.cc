// Functions of two operands, one loop for all: the tail of a span runs through the same vector
// code.
#include FI_VEC_H
#include "kernels/eltwise/kernel.h"
#include "kernels/name.h"

namespace fi::eltwise {
namespace {

// max() and min() return their second operand if either is NaN: only a NaN in `a` needs a hand.
struct Add {
  static FI_INLINE f32v of(f32v a, f32v b) { return add(a, b); }
};
struct Sub {
  static FI_INLINE f32v of(f32v a, f32v b) { return sub(a, b); }
};
struct Mul {
  static FI_INLINE f32v of(f32v a, f32v b) { return mul(a, b); }
};
struct Div {
  static FI_INLINE f32v of(f32v a, f32v b) { return div(a, b); }
};
struct Min {
  static FI_INLINE f32v of(f32v a, f32v b) { return select(is_nan(a), a, min(a, b)); }
};
struct Max {
  static FI_INLINE f32v of(f32v a, f32v b) { return select(is_nan(a), a, max(a, b)); }
};
struct Prelu {
  static FI_INLINE f32v of(f32v a, f32v b) { return select(less(a, zero()), mul(a, b), a); }
};
struct Square {
  static FI_INLINE f32v of(f32v a, f32v) { return mul(a, a); }
};
struct Cube {
  static FI_INLINE f32v of(f32v a, f32v) { return mul(mul(a, a), a); }
};
struct Inverse {
  static FI_INLINE f32v of(f32v a, f32v) { return div(splat(1), a); }
};

/// One span of n elements; kForm says which operand is a single element.
template <class F, int kForm>
FI_INLINE void span(const float* a, const float* b, float* y, int64_t n, f32v low, f32v high) {
  constexpr bool kOneA = kForm & kScalarA, kOneB = kForm & kScalarB;
  const f32v one_a = kOneA ? splat(*a) : zero(), one_b = kOneB ? splat(*b) : zero();
  // The bounds come first, so that a NaN (the second operand) stays.
  const auto f = [=](f32v x, f32v z) FI_INLINE_LAMBDA { return min(high, max(low, F::of(x, z))); };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    store(y + i, f(kOneA ? one_a : load(a + i), kOneB ? one_b : load(b + i)));
  }
  if (const int tail = static_cast<int>(n - i); tail > 0) {
    const f32v x = kOneA ? one_a : load_n(a + i, tail);
    const f32v z = kOneB ? one_b : load_n(b + i, tail);
    store_n(y + i, f(x, z), tail);
  }
}

template <class F, int kForm>
void run(const BinarySpan& s) {
  const f32v low = splat(s.low), high = splat(s.high);
  for (int64_t r = 0; r < s.rows; ++r) {
    span<F, kForm>(s.a + r * s.a_row, s.b + r * s.b_row, s.y + r * s.y_row, s.n, low, high);
  }
}

/// The C library's pow: exact to about an ulp over the whole range, which exp(b * log(a)) in f32 is
/// not.
template <int kForm>
void pow_span(const float* a, const float* b, float* y, int64_t n, const BinarySpan& s) {
  for (int64_t i = 0; i < n; ++i) {
    const float v = __builtin_powf(kForm & kScalarA ? *a : a[i], kForm & kScalarB ? *b : b[i]);
    const float raised = v < s.low ? s.low : v;
    y[i] = raised > s.high ? s.high : raised;
  }
}

template <int kForm>
void run_pow(const BinarySpan& s) {
  const f32v low = splat(s.low), high = splat(s.high);
  for (int64_t r = 0; r < s.rows; ++r) {
    const float* a = s.a + r * s.a_row;
    const float* b = s.b + r * s.b_row;
    float* y = s.y + r * s.y_row;
    // The exponents of real networks; cube and inverse round twice and once, as pow may.
    if ((kForm & kScalarB) && *b == 2) {
      span<Square, kForm>(a, b, y, s.n, low, high);
    } else if ((kForm & kScalarB) && *b == 3) {
      span<Cube, kForm>(a, b, y, s.n, low, high);
    } else if ((kForm & kScalarB) && *b == -1) {
      span<Inverse, kForm>(a, b, y, s.n, low, high);
    } else {
      pow_span<kForm>(a, b, y, s.n, s);
    }
  }
}

constexpr KernelInfo info(const char* name) {
  return {name, "eltwise", Tier::FI_TIER, DType::f32, DType::f32, DType::f32};
}
template <class F>
constexpr BinaryKernel row(const char* name, Binary function) {
  return {info(name),
          function,
          {run<F, kVectors>, run<F, kScalarA>, run<F, kScalarB>, run<F, kScalars>}};
}

constexpr BinaryKernel kKernels[] = {
    row<Add>(FI_KERNEL_NAME("binary_f32_add"), Binary::add),
    row<Sub>(FI_KERNEL_NAME("binary_f32_sub"), Binary::sub),
    row<Mul>(FI_KERNEL_NAME("binary_f32_mul"), Binary::mul),
    row<Div>(FI_KERNEL_NAME("binary_f32_div"), Binary::div),
    row<Min>(FI_KERNEL_NAME("binary_f32_min"), Binary::min),
    row<Max>(FI_KERNEL_NAME("binary_f32_max"), Binary::max),
    {info(FI_KERNEL_NAME("binary_f32_pow")),
     Binary::pow,
     {run_pow<kVectors>, run_pow<kScalarA>, run_pow<kScalarB>, run_pow<kScalars>}},
    row<Prelu>(FI_KERNEL_NAME("binary_f32_prelu"), Binary::prelu),
};
static_assert(sizeof(kKernels) / sizeof(kKernels[0]) == kBinaries);
constexpr const BinaryKernel* kRows[kBinaries] = {&kKernels[0], &kKernels[1], &kKernels[2],
                                                  &kKernels[3], &kKernels[4], &kKernels[5],
                                                  &kKernels[6], &kKernels[7]};

}  // namespace

namespace FI_TIER {
const BinaryKernel* const* binary_rows(int* count) {
  *count = kBinaries;
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::eltwise
