// How the taps of a window fold: from start(), fold() takes a tap in, join() another fold, finish()
// ends. Include after FI_VEC_H.
#pragma once

#include "base/inline.h"

namespace fi::pool {
namespace {

struct Max {
  static FI_INLINE f32v start() { return splat(-__builtin_inff()); }
  // max() returns its second operand if either is NaN, so a NaN accumulator stays.
  static FI_INLINE f32v fold(f32v acc, f32v x) { return select(is_nan(x), x, max(x, acc)); }
  static FI_INLINE f32v join(f32v acc, f32v row) { return fold(acc, row); }
  static FI_INLINE f32v finish(f32v acc, f32v) { return acc; }
};

struct Sum {
  static FI_INLINE f32v start() { return zero(); }
  static FI_INLINE f32v fold(f32v acc, f32v x) { return add(acc, x); }
  static FI_INLINE f32v join(f32v acc, f32v row) { return add(acc, row); }
  static FI_INLINE f32v finish(f32v acc, f32v) { return acc; }
};

struct Average : Sum {
  static FI_INLINE f32v finish(f32v acc, f32v divisor) { return div(acc, divisor); }
};

struct L1 : Sum {
  static FI_INLINE f32v fold(f32v acc, f32v x) { return add(acc, abs(x)); }
};

struct L2 : Sum {
  static FI_INLINE f32v fold(f32v acc, f32v x) { return fma(x, x, acc); }
  static FI_INLINE f32v finish(f32v acc, f32v) { return sqrt(acc); }
};

}  // namespace
}  // namespace fi::pool
