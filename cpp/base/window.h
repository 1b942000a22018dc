// The sliding window of a 2-D convolution or pooling.
#pragma once

#include <cstdint>

#include "base/inline.h"

namespace fi {

/// Output (oy, ox) and tap (i, j) read input row oy * stride_h - pad_top + i * dilation_h and
/// column ox * stride_w - pad_left + j * dilation_w; positions outside the input are padding.
/// Bottom and right padding follow from the output's size.
struct Window {
  int32_t kernel_h = 1, kernel_w = 1;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t pad_top = 0, pad_left = 0;

  FI_INLINE int64_t taps() const { return static_cast<int64_t>(kernel_h) * kernel_w; }
};

}  // namespace fi
