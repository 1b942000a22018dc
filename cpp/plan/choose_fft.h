// The Fourier transform's part of the choice of a convolution's algorithm.
#pragma once

#include "kernels/fft/fft.h"
#include "plan/choose.h"

namespace fi::plan {

Candidate fft_candidate(const ConvQuery& query, const Machine& machine);

fft::Shape fft_shape(const ConvQuery& query);

}  // namespace fi::plan
