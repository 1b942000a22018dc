// Transcendental functions over vec.h, for every tier. Include after FI_VEC_H.
//
// Polynomials are minimax fits (Remez) of relative error below 2^-25; reductions follow Cody and
// Waite, "Software Manual for the Elementary Functions", 1980, with constants short enough that
// nothing needs a fused multiply-add. Largest errors, measured over all tiers
// (tests/kernels/test_math.py): exp 2 ulp, expm1 3, log 2, log1p 4, erf 3, sigmoid 3, tanh 4,
// softplus 4. NaN gives NaN; infinities give the limits; denormal operands and results are computed
// (if the thread's mode keeps them).
#pragma once

namespace fi {
namespace {

/// 2^n for whole n in [-126, 127].
FI_INLINE f32v exp2_whole(f32v n) { return as_f32(shift_left<23>(add(to_s32(n), splat_s32(127)))); }

/// The sign of `sign` on a magnitude whose sign is clear.
FI_INLINE f32v copy_sign(f32v magnitude, f32v sign) {
  return as_f32(bit_or(as_s32(magnitude), bit_and(as_s32(sign), splat_s32(INT32_MIN))));
}

/// x = n ln 2 + r with |r| <= ln(2) / 2, and e^r - 1.
struct ExpParts {
  f32v n, expm1_r;
};

FI_INLINE ExpParts exp_parts(f32v x) {
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;  // n * high is exact
  const f32v n = round_even(mul(x, splat(1.44269504f)));
  const f32v r = fma(n, splat(-kLn2Low), fma(n, splat(-kLn2High), x));
  f32v q = splat(1.39505413e-3f);
  q = fma(q, r, splat(8.36891786e-3f));
  q = fma(q, r, splat(4.16662051e-2f));
  q = fma(q, r, splat(1.66665186e-1f));
  q = fma(q, r, splat(0.5f));
  return {n, fma(mul(r, r), q, r)};
}

FI_INLINE f32v exp(f32v x) {
  const f32v bounded =
      min(splat(89), max(splat(-104), x));  // beyond: infinity and zero all the same
  const ExpParts parts = exp_parts(bounded);
  const f32v half =
      floor(mul(parts.n, splat(0.5f)));  // two factors: 2^128 and 2^-149 are no normal numbers
  const f32v y = add(splat(1), parts.expm1_r);
  return mul(mul(y, exp2_whole(half)), exp2_whole(sub(parts.n, half)));
}

/// exp(x) - 1, without cancellation near 0.
FI_INLINE f32v expm1(f32v x) {
  const f32v bounded = min(splat(89), max(splat(-20), x));
  const ExpParts parts = exp_parts(bounded);
  const f32v half_scale = exp2_whole(sub(parts.n, splat(1)));  // 2^(n - 1): 2^128 is no number
  const f32v y = fma(half_scale, parts.expm1_r, sub(half_scale, splat(0.5f)));
  return select(equal(parts.n, zero()), parts.expm1_r, add(y, y));
}

/// Natural logarithm: -inf at 0, NaN below.
FI_INLINE f32v log(f32v x) {
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f, kSqrtHalf = 0.707106781f;
  const maskv tiny = less(x, splat(0x1p-126f));
  const f32v normal = select(tiny, mul(x, splat(0x1p23f)), x);
  const s32v exponent = sub(shift_right<23>(as_s32(normal)), splat_s32(126));
  f32v e = sub(to_f32(exponent), select(tiny, splat(23), zero()));
  f32v m = as_f32(
      bit_or(bit_and(as_s32(normal), splat_s32(0x7fffff)), splat_s32(0x3f000000)));  // [1/2, 1)
  const maskv low = less(m, splat(kSqrtHalf));
  e = select(low, sub(e, splat(1)), e);
  const f32v f = sub(select(low, add(m, m), m), splat(1));
  f32v p = splat(-7.85960662e-2f);
  p = fma(p, f, splat(1.28816437e-1f));
  p = fma(p, f, splat(-1.31287551e-1f));
  p = fma(p, f, splat(1.41811927e-1f));
  p = fma(p, f, splat(-1.66245541e-1f));
  p = fma(p, f, splat(2.00022862e-1f));
  p = fma(p, f, splat(-2.50008104e-1f));
  p = fma(p, f, splat(3.33333167e-1f));
  const f32v square = mul(f, f);
  f32v y = fma(mul(square, f), p, mul(e, splat(kLn2Low)));
  y = fma(square, splat(-0.5f), y);
  y = fma(e, splat(kLn2High), add(f, y));
  y = select(less(x, splat(__builtin_inff())), y, x);  // infinity, NaN
  y = select(equal(x, zero()), splat(-__builtin_inff()), y);
  return select(less(x, zero()), splat(__builtin_nanf("")), y);
}

/// log(1 + x) for x > -1. The rounding error of w = 1 + x is made good by the factor x / (w - 1),
/// as in W. Kahan's proof (Goldberg, "What every computer scientist should know about
/// floating-point arithmetic", theorem 4).
FI_INLINE f32v log1p(f32v x) {
  const f32v w = add(splat(1), x), step = sub(w, splat(1));
  const f32v y = mul(log(w), div(x, step));
  const f32v infinite = select(equal(w, splat(__builtin_inff())), w, y);
  return select(equal(step, zero()), x, infinite);
}

/// Up to 0.925: x + x q(x^2). Beyond: 1 - exp(-(t + t q(t))), a fit of -log(erfc(t)); from 4 on
/// that rounds to 1.
FI_INLINE f32v erf(f32v x) {
  const f32v t = min(splat(4), abs(x)), s = mul(x, x);
  f32v p = splat(-5.86812845e-4f);
  p = fma(p, s, splat(4.96874726e-3f));
  p = fma(p, s, splat(-2.67497467e-2f));
  p = fma(p, s, splat(1.12813460e-1f));
  p = fma(p, s, splat(-3.76124484e-1f));
  p = fma(p, s, splat(1.28379143e-1f));
  const f32v near = fma(p, x, x);
  f32v q = splat(-2.13984908e-4f);
  q = fma(q, t, splat(3.21495526e-3f));
  q = fma(q, t, splat(-2.28899631e-2f));
  q = fma(q, t, splat(1.05261841e-1f));
  q = fma(q, t, splat(6.35718317e-1f));
  q = fma(q, t, splat(1.28514361e-1f));
  const f32v far = sub(splat(1), exp(sub(zero(), fma(q, t, t))));
  return select(less(t, splat(0.925f)), near, copy_sign(far, x));
}

/// 1 / (1 + exp(-x)), from exp(-|x|), which does not overflow.
FI_INLINE f32v sigmoid(f32v x) {
  const f32v e = exp(sub(zero(), abs(x)));
  return div(select(less(x, zero()), e, splat(1)), add(splat(1), e));
}

/// -m / (m + 2) with m = exp(-2 |x|) - 1.
FI_INLINE f32v tanh(f32v x) {
  const f32v m = expm1(mul(splat(-2), abs(x)));
  const f32v y = div(m, add(m, splat(2)));
  return select(is_nan(x), x, copy_sign(abs(y), x));
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)).
FI_INLINE f32v softplus(f32v x) { return add(max(zero(), x), log1p(exp(sub(zero(), abs(x))))); }

}  // namespace
}  // namespace fi
