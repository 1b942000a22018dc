#pragma once

#include <string_view>
#include <vector>

#include "kernels/strided/operation.h"

namespace fi::strided {

/// Windows over the axes after N and C, one entry per spatial axis; the ends of the pads follow
/// from y's size.
struct PoolNd {
  std::vector<int64_t> kernel, strides, dilations, pads_begin, pads_end;
  bool count_include_pad =
      false;  // average: divide by the taps inside the padded input, else inside the input
  int p = 2;  // lp
  bool column_major =
      false;  // storage_order of the indices: each counts inside its (n, c) image column-major
};

/// y = max, average or lp of x over windows: any rank >= 3, dtype and strides. `indices` (s64, y's
/// shape; data may be a rank-0 null view: pass nullptr) receives the flat position n, c, spatial of
/// each maximum as ONNX MaxPool defines it. A window without any tap gives the dtype's lowest value
/// (max) or 0. Pointers: in[0] x; out[0] y, out[1] indices.
OperationPtr make_pool_nd(const TensorView& x, const TensorView& y, const TensorView* indices,
                          std::string_view kind, const PoolNd& attributes);

}  // namespace fi::strided
