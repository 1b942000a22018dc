// Narrow vectors: where the last vector of columns is at most half full, several rows of a tile
// share it. Which tiles do.
#pragma once

#include "kernels/gemm/gemm.h"

namespace fi::gemm {

inline constexpr int kQuad = 4;

/// Whole tiles do, of rows whose elements follow each other, where the registers hold what it takes
/// beside the sums: 32 of them, whose vectors are long (of 16, sums would be spilled and nothing be
/// gained). Tiles of more than three vectors stream the rhs, which is what bounds them.
constexpr bool has_narrow(LhsForm form, int64_t mr, int64_t nr, int64_t lanes) {
  const bool contiguous = form == LhsForm::strided || form == LhsForm::offsets;
  return contiguous && lanes >= 4 * kQuad && nr <= 3 * lanes && mr * kQuad % lanes == 0;
}

/// The lanes that a last vector of so many columns (1..lanes) takes for each row.
constexpr int64_t narrow_lanes(int64_t columns, int64_t lanes) {
  return columns <= kQuad ? kQuad : columns <= lanes / 2 ? lanes / 2 : lanes;
}

}  // namespace fi::gemm
