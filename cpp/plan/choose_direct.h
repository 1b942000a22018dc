// The direct kernel's part of the choice of a convolution's algorithm.
#pragma once

#include "plan/choose.h"

namespace fi::plan {

Candidate direct_candidate(const ConvQuery& query, const Machine& machine);

/// Cycles of laying a planar input out anew, pixel by pixel, for the algorithms that need it so.
double interleaving_cycles(const ConvQuery& query);

}  // namespace fi::plan
