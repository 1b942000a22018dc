// Rows of a planar image copied with a shift, a stride and zero padding. Include after FI_VEC_H.
#pragma once

#include <cstdint>

namespace fi {
namespace {

/// Positions [begin, end) are inside the image; the others are padding.
struct InsideSpan {
  int64_t begin, end;
};
/// The t of [0, count) with 0 <= start + t * step < size.
FI_INLINE InsideSpan inside_span(int64_t start, int64_t step, int64_t count, int64_t size) {
  int64_t begin = start < 0 ? (-start + step - 1) / step : 0;
  int64_t end = start < size ? (size - start + step - 1) / step : 0;
  end = end < count ? end : count;
  begin = begin < end ? begin : end;
  return {begin, end};
}

/// Writes whole vectors.
FI_INLINE void stage_zeros(float* out, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) store(out + i, zero());
}

/// The even elements of two vectors.
template <class V>
FI_INLINE V even_lanes(V a, V b) {
  if constexpr (sizeof(V) == 64) {
    return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28,
                                    30)};
  } else if constexpr (sizeof(V) == 32) {
    return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6, 8, 10, 12, 14)};
  } else {
    return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6)};
  }
}

/// The odd elements of two vectors.
template <class V>
FI_INLINE V odd_lanes(V a, V b) {
  if constexpr (sizeof(V) == 64) {
    return {__builtin_shufflevector(a.v, b.v, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29,
                                    31)};
  } else if constexpr (sizeof(V) == 32) {
    return {__builtin_shufflevector(a.v, b.v, 1, 3, 5, 7, 9, 11, 13, 15)};
  } else {
    return {__builtin_shufflevector(a.v, b.v, 1, 3, 5, 7)};
  }
}

/// The first n of kLanes elements at p, zeros behind; n may be beyond either end.
FI_INLINE f32v load_some(const float* p, int64_t n) {
  if (n <= 0) return zero();
  return n >= kLanes ? load(p) : load_n(p, static_cast<int>(n));
}

/// to[t] = x[2 t] for t < n; writes whole vectors.
FI_INLINE void copy_even(const float* x, int64_t n, float* to) {
  const int64_t readable = 2 * n - 1;
  for (int64_t t = 0; t < n; t += kLanes) {
    const f32v low = load_some(x + 2 * t, readable - 2 * t);
    const f32v high = load_some(x + 2 * t + kLanes, readable - 2 * t - kLanes);
    store(to + t, even_lanes(low, high));
  }
}

/// out[t] = row[start + t * step] where t is inside, else 0, for t < count. Writes whole vectors,
/// up to one beyond out + count: what lies behind is staged later.
FI_INLINE void stage_row(const float* row, int64_t start, int64_t step, const InsideSpan& inside,
                         int64_t count, float* out) {
  stage_zeros(out, inside.begin);
  const float* x = row + start + inside.begin * step;
  float* to = out + inside.begin;
  const int64_t n = inside.end - inside.begin;
  int64_t written = (n + kLanes - 1) / kLanes * kLanes;  // with zeros behind n
  if (step == 1) {
    for (int64_t t = 0; t < n; t += kLanes) store(to + t, load_some(x + t, n - t));
  } else if (step == 2) {
    copy_even(x, n, to);
  } else {
    for (int64_t t = 0; t < n; ++t) to[t] = x[t * step];
    written = n;
  }
  stage_zeros(to + written, count - inside.begin - written);
}

}  // namespace
}  // namespace fi
