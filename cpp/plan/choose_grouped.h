// The part of the choice of a convolution's algorithm that takes several groups at once.
#pragma once

#include "plan/choose.h"

namespace fi::plan {

Candidate grouped_candidate(const ConvQuery& query, const Machine& machine);

}  // namespace fi::plan
