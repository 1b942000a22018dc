// Four vectors as quads: transposing. Include after FI_VEC_H.
#pragma once

#include "base/inline.h"

namespace fi::blocks {
namespace {

/// In each quad of lanes: of two vectors, the first (high: last) two lanes in turn.
template <bool high, class V>
FI_INLINE V zip_quads(V a, V b) {
  constexpr int n = kLanes, h = high ? 2 : 0;
  if constexpr (n == 16) {
    return {__builtin_shufflevector(a.v, b.v, h, n + h, h + 1, n + h + 1, h + 4, n + h + 4, h + 5,
                                    n + h + 5, h + 8, n + h + 8, h + 9, n + h + 9, h + 12,
                                    n + h + 12, h + 13, n + h + 13)};
  } else if constexpr (n == 8) {
    return {__builtin_shufflevector(a.v, b.v, h, n + h, h + 1, n + h + 1, h + 4, n + h + 4, h + 5,
                                    n + h + 5)};
  } else {
    return {__builtin_shufflevector(a.v, b.v, h, n + h, h + 1, n + h + 1)};
  }
}

/// In each quad of lanes: the first (high: last) halves of two vectors.
template <bool high, class V>
FI_INLINE V join_quads(V a, V b) {
  constexpr int n = kLanes, h = high ? 2 : 0;
  if constexpr (n == 16) {
    return {__builtin_shufflevector(a.v, b.v, h, h + 1, n + h, n + h + 1, h + 4, h + 5, n + h + 4,
                                    n + h + 5, h + 8, h + 9, n + h + 8, n + h + 9, h + 12, h + 13,
                                    n + h + 12, n + h + 13)};
  } else if constexpr (n == 8) {
    return {__builtin_shufflevector(a.v, b.v, h, h + 1, n + h, n + h + 1, h + 4, h + 5, n + h + 4,
                                    n + h + 5)};
  } else {
    return {__builtin_shufflevector(a.v, b.v, h, h + 1, n + h, n + h + 1)};
  }
}

/// Lane 4q + i of vector j becomes lane 4q + j of vector i.
FI_INLINE void transpose_quads(f32v (&a)[4]) {
  const f32v low01 = zip_quads<false>(a[0], a[1]), low23 = zip_quads<false>(a[2], a[3]);
  const f32v high01 = zip_quads<true>(a[0], a[1]), high23 = zip_quads<true>(a[2], a[3]);
  a[0] = join_quads<false>(low01, low23);
  a[1] = join_quads<true>(low01, low23);
  a[2] = join_quads<false>(high01, high23);
  a[3] = join_quads<true>(high01, high23);
}

}  // namespace
}  // namespace fi::blocks
