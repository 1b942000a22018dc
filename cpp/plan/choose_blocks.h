// The part of the choice that takes block-sparse weights.
#pragma once

#include "kernels/blocks/blocks.h"
#include "plan/choose_product.h"

namespace fi::plan {

/// Which of the room's two ways takes so many rows of x.
blocks::Way way_of(int64_t rows, int64_t inputs, int block_outputs);

/// Cycles of one core; `weights`: of the stored blocks.
double block_cycles(const ProductQuery& query, double weights, int block_outputs,
                    const Machine& machine);

/// The convolution as such a product.
Candidate block_candidate(const ConvQuery& query, const Machine& machine);

}  // namespace fi::plan
