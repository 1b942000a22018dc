#include "plan/block_weight.h"

#include "plan/weight_entries.h"

namespace fi::plan {
namespace {

/// visit(row of blocks, column of blocks, number) for each stored block, in order.
template <class Visit>
void for_each_block(const Weight& weight, Visit&& visit) {
  const MatrixWalk matrix(weight);
  const int64_t rows = matrix.rows() / weight.block_rows;
  const int64_t columns = matrix.columns() / weight.block_columns;
  int64_t i = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t end = element<uint32_t>(weight.row_ptr, row + 1);
    if (end < i || end > weight.count) malformed_weight("has row pointers that do not ascend");
    for (; i < end; ++i) {
      const int64_t column = weight.index_bits == 16 ? element<uint16_t>(weight.col_idx, i)
                                                     : element<uint32_t>(weight.col_idx, i);
      if (column >= columns) malformed_weight("has a column beyond its last");
      visit(row, column, i);
    }
  }
}

blocks::Block block_of(const Weight& weight, int64_t number, int64_t input, float alpha) {
  blocks::Block block;
  for (int i = 0; i < blocks::kBlock; ++i) {
    block.value[i] = alpha * element<float>(weight.values, number * blocks::kBlock + i);
  }
  block.input = static_cast<int32_t>(input);
  return block;
}

}  // namespace

BlockWeight block_weight(const Weight& weight, bool transposed) {
  BlockWeight b{&weight, transposed, 0, 0, weight.count, 1, ""};
  if (weight.form != WeightForm::block_sparse) {
    b.refusal = "the weights are not stored in blocks";
    return b;
  }
  const MatrixWalk matrix(weight);
  b.outputs = transposed ? matrix.rows() : matrix.columns();
  b.inputs = transposed ? matrix.columns() : matrix.rows();
  b.block_outputs = transposed ? weight.block_rows : weight.block_columns;
  if (b.outputs % b.block_outputs != 0 || b.inputs % (blocks::kBlock / b.block_outputs) != 0) {
    b.refusal = "the matrix is not made of whole blocks";
  } else if (b.outputs > INT32_MAX || b.inputs > INT32_MAX) {
    b.refusal = "the weights are beyond 32-bit positions";
  }
  return b;
}

AlignedBuffer pack_blocks(const BlockWeight& b, blocks::Way way, float alpha) {
  const int64_t rows = b.outputs / b.block_outputs;
  const int64_t unit = blocks::kBlock / b.block_outputs;  // inputs of a block
  blocks::BlockRows packed{b.block_outputs, b.outputs, b.inputs, {}, {}};
  packed.begin.resize(static_cast<size_t>(rows) + 1);
  for_each_block(*b.weight, [&](int64_t row, int64_t column, int64_t) {
    ++packed.begin[static_cast<size_t>(b.transposed ? row : column) + 1];
  });
  for (int64_t r = 0; r < rows; ++r) packed.begin[r + 1] += packed.begin[r];
  packed.blocks.resize(static_cast<size_t>(packed.begin.back()));
  std::vector<int64_t> next(packed.begin.begin(), packed.begin.end() - 1);
  for_each_block(*b.weight, [&](int64_t row, int64_t column, int64_t number) {
    const int64_t at = next[b.transposed ? row : column]++;
    const int64_t input = unit * (b.transposed ? column : row);
    packed.blocks[at] = block_of(*b.weight, number, input, alpha);
  });
  return blocks::pack(packed, way);
}

}  // namespace fi::plan
