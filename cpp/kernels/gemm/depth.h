// How the loops and the choice of blocks see K.
#pragma once

#include <cstdint>

#include "kernels/gemm/gemm.h"

namespace fi::gemm {

inline int64_t round_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }
inline int64_t bytes_of(DType type, int64_t n) { return n * bit_width(type) / 8; }

/// Taps, and elements of each: only offsets tell taps apart, the other forms see one tap of K
/// elements.
struct Depth {
  int64_t taps, k_tap;
  int64_t k() const { return taps * k_tap; }
};
inline Depth depth_of(const Product& product) {
  if (product.form == LhsForm::offsets) return {product.taps, product.k_tap};
  return {1, product.taps * product.k_tap};
}

}  // namespace fi::gemm
