// The part of the choice of a convolution's algorithm that lowers its input to an explicit matrix.
#pragma once

#include "plan/choose.h"

namespace fi::plan {

/// im2col: the whole matrix; mec: in one direction only. Both tell lowered_bytes.
Candidate im2col_candidate(const ConvQuery& query, const Machine& machine);
Candidate mec_candidate(const ConvQuery& query, const Machine& machine);

}  // namespace fi::plan
