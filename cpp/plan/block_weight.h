// What the blocks room can make of a stored weight.
#pragma once

#include <string>

#include "kernels/blocks/pack.h"
#include "plan/weight.h"

namespace fi::plan {

/// A block-sparse matrix as a product's right-hand side. transposed: rows of the stored matrix are
/// outputs.
struct BlockWeight {
  const Weight* weight;
  bool transposed;
  int64_t outputs, inputs, blocks;
  int block_outputs;    // 1 or 4
  std::string refusal;  // why the room cannot take it; empty: it can
};

BlockWeight block_weight(const Weight& weight, bool transposed);

/// Packed, each element times alpha. Throws Error(value) for a malformed weight.
AlignedBuffer pack_blocks(const BlockWeight& weight, blocks::Way way, float alpha);

}  // namespace fi::plan
