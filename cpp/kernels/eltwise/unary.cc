// Functions of one operand, one loop for all: the tail of a span runs through the same vector code.
#include FI_VEC_H
#include "kernels/eltwise/kernel.h"
#include "kernels/name.h"
#include "simd/activation.inl"
#include "simd/math.inl"

namespace fi::eltwise {
namespace {

/// The parameters of a call, as the functions of activation.inl take them and as vectors.
struct Parameters {
  float alpha, beta;
  f32v valpha, vbeta;
};

#define FI_UNARY(Name, expression)                                                                \
  struct Name {                                                                                   \
    static FI_INLINE f32v of(f32v x, [[maybe_unused]] const Parameters& p) { return expression; } \
  };

FI_UNARY(Relu, max(zero(), x))
FI_UNARY(Clamp, clamp(x, p.valpha, p.vbeta))
FI_UNARY(LeakyRelu, leaky_relu(x, p.alpha))
FI_UNARY(ThresholdedRelu, select(less_equal(x, p.valpha), zero(), x))
FI_UNARY(Elu, elu(x, p.alpha))
FI_UNARY(Selu, mul(p.vbeta, elu(x, p.alpha)))
FI_UNARY(Celu, select(less(x, zero()), mul(p.valpha, expm1(div(x, p.valpha))), x))
FI_UNARY(Sigmoid, sigmoid(x))
FI_UNARY(HardSigmoid, hard_sigmoid(x, p.alpha, p.beta))
FI_UNARY(HardSwish, hard_swish(x))
FI_UNARY(Silu, mul(x, sigmoid(mul(p.alpha == 0 ? splat(1) : p.valpha, x))))
FI_UNARY(Tanh, tanh(x))
FI_UNARY(Gelu, gelu(x))
FI_UNARY(Softplus, softplus(x))
FI_UNARY(Softsign, div(x, add(splat(1), abs(x))))
FI_UNARY(Erf, erf(x))
FI_UNARY(Exp, exp(x))
FI_UNARY(Log, log(x))
FI_UNARY(Sqrt, sqrt(x))
FI_UNARY(Reciprocal, div(splat(1), x))
FI_UNARY(Abs, abs(x))
FI_UNARY(Neg, sub(splat(-0.0f), x))
FI_UNARY(Sign, select(less(x, zero()), splat(-1), select(less(zero(), x), splat(1), x)))
FI_UNARY(Floor, floor(x))
FI_UNARY(Ceil, ceil(x))
FI_UNARY(Round, round_even(x))

/// tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2): no cancellation. Beyond 20 it is 1.
struct Mish {
  static FI_INLINE f32v of(f32v x, const Parameters&) {
    const f32v e = exp(min(splat(20), x));
    const f32v n = mul(e, add(e, splat(2)));
    return mul(x, div(n, add(n, splat(2))));
  }
};

/// (1 + tanh(u)) / 2 = sigmoid(2 u).
struct GeluTanh {
  static FI_INLINE f32v of(f32v x, const Parameters&) {
    constexpr float kTwoRootTwoOverPi = 1.59576912f;
    const f32v cubic = fma(mul(mul(x, x), x), splat(0.044715f), x);
    return mul(x, sigmoid(mul(splat(kTwoRootTwoOverPi), cubic)));
  }
};

template <class F>
void run(const UnarySpan& s) {
  const Parameters p = {s.alpha, s.beta, splat(s.alpha), splat(s.beta)};
  for (int64_t r = 0; r < s.rows; ++r) {
    const float* x = s.x + r * s.x_row;
    float* y = s.y + r * s.y_row;
    int64_t i = 0;
    for (; i + kLanes <= s.n; i += kLanes) store(y + i, F::of(load(x + i), p));
    if (const int tail = static_cast<int>(s.n - i); tail > 0) {
      store_n(y + i, F::of(load_n(x + i, tail), p), tail);
    }
  }
}

template <class F>
constexpr UnaryKernel row(const char* name, Unary function) {
  return {{name, "eltwise", Tier::FI_TIER, DType::f32, DType::f32, DType::f32}, function, run<F>};
}

constexpr UnaryKernel kKernels[] = {
    row<Relu>(FI_KERNEL_NAME("unary_f32_relu"), Unary::relu),
    row<Clamp>(FI_KERNEL_NAME("unary_f32_clamp"), Unary::clamp),
    row<LeakyRelu>(FI_KERNEL_NAME("unary_f32_leaky_relu"), Unary::leaky_relu),
    row<ThresholdedRelu>(FI_KERNEL_NAME("unary_f32_thresholded_relu"), Unary::thresholded_relu),
    row<Elu>(FI_KERNEL_NAME("unary_f32_elu"), Unary::elu),
    row<Selu>(FI_KERNEL_NAME("unary_f32_selu"), Unary::selu),
    row<Celu>(FI_KERNEL_NAME("unary_f32_celu"), Unary::celu),
    row<Sigmoid>(FI_KERNEL_NAME("unary_f32_sigmoid"), Unary::sigmoid),
    row<HardSigmoid>(FI_KERNEL_NAME("unary_f32_hard_sigmoid"), Unary::hard_sigmoid),
    row<HardSwish>(FI_KERNEL_NAME("unary_f32_hard_swish"), Unary::hard_swish),
    row<Silu>(FI_KERNEL_NAME("unary_f32_silu"), Unary::silu),
    row<Mish>(FI_KERNEL_NAME("unary_f32_mish"), Unary::mish),
    row<Tanh>(FI_KERNEL_NAME("unary_f32_tanh"), Unary::tanh),
    row<Gelu>(FI_KERNEL_NAME("unary_f32_gelu"), Unary::gelu),
    row<GeluTanh>(FI_KERNEL_NAME("unary_f32_gelu_tanh"), Unary::gelu_tanh),
    row<Softplus>(FI_KERNEL_NAME("unary_f32_softplus"), Unary::softplus),
    row<Softsign>(FI_KERNEL_NAME("unary_f32_softsign"), Unary::softsign),
    row<Erf>(FI_KERNEL_NAME("unary_f32_erf"), Unary::erf),
    row<Exp>(FI_KERNEL_NAME("unary_f32_exp"), Unary::exp),
    row<Log>(FI_KERNEL_NAME("unary_f32_log"), Unary::log),
    row<Sqrt>(FI_KERNEL_NAME("unary_f32_sqrt"), Unary::sqrt),
    row<Reciprocal>(FI_KERNEL_NAME("unary_f32_reciprocal"), Unary::reciprocal),
    row<Abs>(FI_KERNEL_NAME("unary_f32_abs"), Unary::abs),
    row<Neg>(FI_KERNEL_NAME("unary_f32_neg"), Unary::neg),
    row<Sign>(FI_KERNEL_NAME("unary_f32_sign"), Unary::sign),
    row<Floor>(FI_KERNEL_NAME("unary_f32_floor"), Unary::floor),
    row<Ceil>(FI_KERNEL_NAME("unary_f32_ceil"), Unary::ceil),
    row<Round>(FI_KERNEL_NAME("unary_f32_round"), Unary::round),
};
static_assert(sizeof(kKernels) / sizeof(kKernels[0]) == kUnaries);

struct Pointers {
  const UnaryKernel* row[kUnaries];
};
constexpr Pointers pointers() {
  Pointers p{};
  for (int i = 0; i < kUnaries; ++i) p.row[i] = &kKernels[i];
  return p;
}
constexpr Pointers kRows = pointers();

}  // namespace

namespace FI_TIER {
const UnaryKernel* const* unary_rows(int* count) {
  *count = kUnaries;
  return kRows.row;
}
}  // namespace FI_TIER

}  // namespace fi::eltwise
