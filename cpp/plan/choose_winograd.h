// Winograd's part of the choice of a convolution's algorithm.
#pragma once

#include <vector>

#include "plan/choose.h"

namespace fi::plan {

/// winograd_f23, winograd_f43, winograd_f63.
std::vector<Candidate> winograd_candidates(const ConvQuery& query, const Machine& machine);

}  // namespace fi::plan
