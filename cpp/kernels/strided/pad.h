#pragma once

#include <string_view>
#include <vector>

#include "kernels/strided/operation.h"

namespace fi::strided {

/// y = x with pads[d] elements before axis d and pads[rank + d] after; negative counts crop. mode:
/// constant (value), reflect (edge not repeated), edge, wrap. y's shape must be x's plus the pads;
/// dtypes equal. Reflections repeat if a pad exceeds the axis.
OperationPtr make_pad(const TensorView& x, const TensorView& y, std::string_view mode,
                      const std::vector<int64_t>& pads, Scalar value);

}  // namespace fi::strided
