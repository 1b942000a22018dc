// Three passes: the maximum; exponentials and their sum; the division. Lanes are summed in one
// order for a given n.
#include FI_VEC_H
#include "kernels/name.h"
#include "kernels/softmax/softmax.h"
#include "simd/lanes.inl"
#include "simd/math.inl"

namespace fi::softmax {
namespace {

/// The maximum of n elements; a NaN may be missed (the exponentials will not miss it).
float maximum(const float* x, int64_t n) {
  if (n < kLanes) {
    float m = x[0];
    for (int64_t i = 1; i < n; ++i) m = x[i] > m ? x[i] : m;
    return m;
  }
  f32v m = load(x);
  for (int64_t i = kLanes; i + kLanes <= n; i += kLanes) m = max(load(x + i), m);
  return reduce_max(max(load(x + n - kLanes), m));  // the tail overlaps: a maximum does not mind
}

/// y = exp(x - m) (kept only if kStore), and the sum of it.
template <bool kStore>
float exponentials(const float* x, float* y, int64_t n, float m) {
  const f32v shift = splat(m);
  f32v sum = zero();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const f32v e = exp(sub(load(x + i), shift));
    if (kStore) store(y + i, e);
    sum = add(sum, e);
  }
  if (const int tail = static_cast<int>(n - i); tail > 0) {
    const f32v e = keep_first(exp(sub(load_n(x + i, tail), shift)), tail);
    if (kStore) store_n(y + i, e, tail);
    sum = add(sum, e);
  }
  return reduce_add(sum);
}

template <class F>
FI_INLINE void map(const float* x, float* y, int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (const int tail = static_cast<int>(n - i); tail > 0)
    store_n(y + i, f(load_n(x + i, tail)), tail);
}

void softmax_rows(const Span& s) {
  for (int64_t r = 0; r < s.count; ++r) {
    const float* x = s.x + r * s.x_outer;
    float* y = s.y + r * s.y_outer;
    const f32v scale = splat(1.0f / exponentials<true>(x, y, s.n, maximum(x, s.n)));
    map(y, y, s.n, [=](f32v e) FI_INLINE_LAMBDA { return mul(e, scale); });
  }
}

void log_softmax_rows(const Span& s) {
  for (int64_t r = 0; r < s.count; ++r) {
    const float* x = s.x + r * s.x_outer;
    float* y = s.y + r * s.y_outer;
    const float m = maximum(x, s.n);
    const f32v shift = splat(m), log_sum = splat(__builtin_logf(exponentials<false>(x, y, s.n, m)));
    map(x, y, s.n, [=](f32v v) FI_INLINE_LAMBDA { return sub(sub(v, shift), log_sum); });
  }
}

/// A vector of neighbouring softmaxes: element i of each is at x + i * x_axis.
template <bool kLog, class Load, class Store>
FI_INLINE void column(const Span& s, const float* x, float* y, Load&& get, Store&& put) {
  f32v m = get(x), sum = zero();
  for (int64_t i = 1; i < s.n; ++i) m = max(get(x + i * s.x_axis), m);
  for (int64_t i = 0; i < s.n; ++i) {
    const f32v e = exp(sub(get(x + i * s.x_axis), m));
    if (!kLog) put(y + i * s.y_axis, e);
    sum = add(sum, e);
  }
  const f32v factor = kLog ? log(sum) : div(splat(1), sum);
  for (int64_t i = 0; i < s.n; ++i) {
    float* out = y + i * s.y_axis;
    if (kLog) {
      put(out, sub(sub(get(x + i * s.x_axis), m), factor));
    } else {
      put(out, mul(get(out), factor));
    }
  }
}

template <bool kLog>
void columns(const Span& s) {
  int64_t r = 0;
  for (; r + kLanes <= s.count; r += kLanes) {
    column<kLog>(
        s, s.x + r, s.y + r, [](const float* p) FI_INLINE_LAMBDA { return load(p); },
        [](float* p, f32v v) FI_INLINE_LAMBDA { store(p, v); });
  }
  if (const int tail = static_cast<int>(s.count - r); tail > 0) {
    column<kLog>(
        s, s.x + r, s.y + r, [=](const float* p) FI_INLINE_LAMBDA { return load_n(p, tail); },
        [=](float* p, f32v v) FI_INLINE_LAMBDA { store_n(p, v, tail); });
  }
}

constexpr KernelInfo info(const char* name) {
  return {name, "softmax", Tier::FI_TIER, DType::f32, DType::f32, DType::f32};
}
constexpr Kernel kSoftmax = {info(FI_KERNEL_NAME("softmax_f32")), false, softmax_rows,
                             columns<false>};
constexpr Kernel kLogSoftmax = {info(FI_KERNEL_NAME("log_softmax_f32")), true, log_softmax_rows,
                                columns<true>};
constexpr const Kernel* kRows[] = {&kSoftmax, &kLogSoftmax};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::softmax
