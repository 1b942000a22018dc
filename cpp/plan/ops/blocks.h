// Products by block-sparse weights, for convolutions and matrix products.
#pragma once

#include <memory>

#include "plan/block_weight.h"
#include "plan/ops/conv.h"
#include "plan/ops/matmul.h"

namespace fi::plan {

/// A weight packed for so many rows of x, and the kernel that takes it.
struct PackedBlocks {
  const blocks::Kernel* kernel;
  PackedPtr packed;
  blocks::Matrix matrix;
};
PackedBlocks packed_blocks(const WeightPtr& weight, const BlockWeight& blocks, int64_t rows,
                           float alpha, PrepareContext& context);

/// A convolution of one tap without padding: f32, NHWC.
std::unique_ptr<Operator> make_block_convolution(const ConvProblem& problem, const Filter& filter,
                                                 PrepareContext& context);
/// f32, rows of a and y contiguous.
std::unique_ptr<Operator> make_block_matmul(const MatmulProblem& problem, const BlockWeight& weight,
                                            PrepareContext& context);

}  // namespace fi::plan
