// Loop nests over strided operands: made at prepare, walked at run.
#pragma once

#include <algorithm>

#include "kernels/eltwise/eltwise.h"

namespace fi::eltwise {

/// Coalesces the dimensions of operands of one shape (the result last), ordered by the result's
/// strides.
Nest make_nest(const TensorView* const* operands, int count);

/// The part of the nest that one task computes: element offsets of its first span.
struct Block {
  int64_t offset[Nest::kOperands];
  int64_t rows, n;
};

FI_INLINE Block block_of(const Nest& nest, int64_t task) {
  const int64_t n_blocks = (nest.n + nest.block_n - 1) / nest.block_n;
  const int64_t row_blocks = (nest.rows + nest.block_rows - 1) / nest.block_rows;
  const int64_t n_begin = task % n_blocks * nest.block_n;
  task /= n_blocks;
  const int64_t row_begin = task % row_blocks * nest.block_rows;
  task /= row_blocks;
  Block block;
  block.rows = std::min(nest.block_rows, nest.rows - row_begin);
  block.n = std::min(nest.block_n, nest.n - n_begin);
  for (int k = 0; k < nest.operands; ++k) {
    block.offset[k] = row_begin * nest.row_stride[k] + n_begin * nest.inner_stride[k];
  }
  for (int d = nest.rank - 1; d >= 0; --d) {
    const int64_t i = task % nest.size[d];
    task /= nest.size[d];
    for (int k = 0; k < nest.operands; ++k) block.offset[k] += i * nest.stride[k][d];
  }
  return block;
}

}  // namespace fi::eltwise
