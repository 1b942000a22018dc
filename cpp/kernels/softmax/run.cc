// Where the axis is contiguous, spans of rows; elsewhere, vectors over another contiguous axis.
#include "base/error.h"
#include "kernels/dimensions.h"
#include "kernels/softmax/softmax.h"

namespace fi::softmax {
namespace {

constexpr int64_t kTaskElements = 4096;

/// The outer dimension along which softmaxes are neighbours in memory, or -1.
int contiguous(const Dimension* dims, int rank) {
  for (int d = 0; d < rank; ++d) {
    if (dims[d].stride[0] == 1 && dims[d].stride[1] == 1) return d;
  }
  return -1;
}

}  // namespace

Loop prepare(const Kernel& kernel, const TensorView& x, const TensorView& y, int axis) {
  const TensorView* const operands[] = {&x, &y};
  check_f32_views(operands, 2);
  if (axis < 0 || axis >= y.rank) throw Error(ErrorKind::attribute, "softmax: no such axis");
  Loop loop;
  loop.kernel = &kernel;
  for (int d = 0; d < y.rank; ++d) {
    if (y.shape[d] == 0) return loop;
  }
  Dimension dims[kMaxRank];
  int rank = coalesce(operands, 2, ~(1u << axis), dims);
  loop.span.n = y.shape[axis];
  loop.span.x_axis = x.stride[axis];
  loop.span.y_axis = y.stride[axis];
  loop.columns = y.shape[axis] > 1 && (x.stride[axis] != 1 || y.stride[axis] != 1);
  const int inner = loop.columns ? contiguous(dims, rank) : rank - 1;
  if (inner >= 0) {
    loop.count = dims[inner].size;
    loop.span.x_outer = dims[inner].stride[0];
    loop.span.y_outer = dims[inner].stride[1];
    std::copy(dims + inner + 1, dims + rank, dims + inner);
    --rank;
  }
  // A task that is cut out of columns takes whole vectors of any tier.
  const int64_t per_task = kTaskElements / loop.span.n;
  loop.block =
      std::max<int64_t>(loop.columns ? per_task / 16 * 16 : per_task, loop.columns ? 16 : 1);
  loop.tasks = (loop.count + loop.block - 1) / loop.block;
  loop.rank = rank;
  for (int d = 0; d < rank; ++d) {
    loop.size[d] = dims[d].size;
    loop.x_stride[d] = dims[d].stride[0];
    loop.y_stride[d] = dims[d].stride[1];
    loop.tasks *= dims[d].size;
  }
  return loop;
}

void run(const Loop& loop, const float* x, float* y, int64_t begin, int64_t end) {
  const int64_t blocks = (loop.count + loop.block - 1) / loop.block;
  for (int64_t task = begin; task < end; ++task) {
    const int64_t first = task % blocks * loop.block;
    Span span = loop.span;
    span.count = std::min(loop.block, loop.count - first);
    span.x = x + first * span.x_outer;
    span.y = y + first * span.y_outer;
    int64_t rest = task / blocks;
    for (int d = loop.rank - 1; d >= 0; --d) {
      span.x += rest % loop.size[d] * loop.x_stride[d];
      span.y += rest % loop.size[d] * loop.y_stride[d];
      rest /= loop.size[d];
    }
    (loop.columns ? loop.kernel->columns : loop.kernel->rows)(span);
  }
}

}  // namespace fi::softmax
