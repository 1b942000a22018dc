// The dimensions that several strided operands share, merged where all of them allow. For prepare,
// not for tier sources.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/view.h"

namespace fi {

struct Dimension {
  static constexpr int kOperands = 3;
  int64_t size;
  int64_t stride[kOperands];  // elements, by operand
};

inline bool continues(const Dimension& outer, const Dimension& inner, int operands) {
  for (int k = 0; k < operands; ++k) {
    if (outer.stride[k] != inner.stride[k] * inner.size) return false;
  }
  return true;
}

/// The axes of `axes` (a bit each) that are longer than 1, ordered by the last operand's strides
/// (the widest is dimension 0) unless keep_order, neighbours merged. Operands have one shape.
/// Returns the number of dimensions.
inline int coalesce(const TensorView* const* operands, int count, uint32_t axes, Dimension* out,
                    bool keep_order = false) {
  const TensorView& result = *operands[count - 1];
  int rank = 0;
  for (int d = 0; d < result.rank; ++d) {
    if (result.shape[d] == 1 || !(axes >> d & 1)) continue;
    out[rank] = {result.shape[d], {}};
    for (int k = 0; k < count; ++k) out[rank].stride[k] = operands[k]->stride[d];
    ++rank;
  }
  if (!keep_order) {
    std::stable_sort(out, out + rank, [=](const Dimension& a, const Dimension& b) {
      return std::abs(a.stride[count - 1]) > std::abs(b.stride[count - 1]);
    });
  }
  int merged = 0;
  for (int d = 0; d < rank; ++d) {
    if (merged > 0 && continues(out[merged - 1], out[d], count)) {
      out[d].size *= out[merged - 1].size;
      out[merged - 1] = out[d];
    } else {
      out[merged++] = out[d];
    }
  }
  return merged;
}

inline constexpr uint32_t kAllAxes = ~0u;

/// Throws Error unless all views are f32 and of one shape, and no element of the last one has two
/// indices.
void check_f32_views(const TensorView* const* operands, int count);

}  // namespace fi
