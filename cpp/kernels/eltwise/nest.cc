#include "kernels/eltwise/nest.h"

#include "kernels/dimensions.h"

namespace fi::eltwise {
namespace {

constexpr int64_t kTaskElements =
    4096;  // 16 KiB of each operand: they stay in L1 for a second pass

}  // namespace

Nest make_nest(const TensorView* const* operands, int count) {
  Nest nest;
  nest.operands = count;
  const TensorView& result = *operands[count - 1];
  for (int d = 0; d < result.rank; ++d) {
    if (result.shape[d] == 0) return nest;
  }
  Dimension dims[kMaxRank];
  int rank = coalesce(operands, count, kAllAxes, dims);
  if (rank > 0) {
    const Dimension& inner = dims[--rank];
    nest.n = inner.size;
    std::copy_n(inner.stride, count, nest.inner_stride);
  } else {
    std::fill_n(nest.inner_stride, count, 1);  // one element: any stride does, 1 is the fast path
  }
  if (rank > 0) {
    const Dimension& rows = dims[--rank];
    nest.rows = rows.size;
    std::copy_n(rows.stride, count, nest.row_stride);
  }
  nest.rank = rank;
  nest.block_n = std::min(nest.n, kTaskElements);
  nest.block_rows = std::min(nest.rows, std::max<int64_t>(kTaskElements / nest.n, 1));
  nest.tasks = (nest.n + nest.block_n - 1) / nest.block_n;
  nest.tasks *= (nest.rows + nest.block_rows - 1) / nest.block_rows;
  for (int d = 0; d < rank; ++d) {
    nest.size[d] = dims[d].size;
    for (int k = 0; k < count; ++k) nest.stride[k][d] = dims[d].stride[k];
    nest.tasks *= dims[d].size;
  }
  return nest;
}

}  // namespace fi::eltwise
