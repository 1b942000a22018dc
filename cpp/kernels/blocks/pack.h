// Block-sparse weights to the layouts of blocks.h. A packed weight is one buffer that may be moved:
// header, directory, blocks.
#pragma once

#include <cstdint>
#include <vector>

#include "base/buffer.h"
#include "kernels/blocks/blocks.h"

namespace fi::blocks {

/// Compressed rows of blocks; a row is block_outputs outputs. Inputs ascend in a row.
struct BlockRows {
  int block_outputs;  // 1 or 4
  int64_t outputs, inputs;
  std::vector<int64_t> begin;  // rows + 1
  std::vector<Block> blocks;

  int64_t rows() const { return static_cast<int64_t>(begin.size()) - 1; }
};

/// Whether the rows way can tell so many inputs.
bool rows_reach(int64_t inputs, int block_outputs);

AlignedBuffer pack(const BlockRows& weights, Way way);
/// A packed weight as the kernels see it.
Matrix matrix_of(const AlignedBuffer& packed);

/// Bytes of `blocks` blocks, filling aside.
int64_t packed_bytes(int64_t blocks, Way way);

}  // namespace fi::blocks
