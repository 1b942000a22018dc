// Layer normalisation over views: rows straight from memory where the normalised axes are
// contiguous, through scratch where they are not.
#include "base/error.h"
#include "kernels/dimensions.h"
#include "kernels/normalize/normalize.h"

namespace fi::normalize {
namespace {

int copy_dimensions(const Dimension* dims, int rank, int64_t* size, int64_t* x_stride,
                    int64_t* y_stride) {
  for (int d = 0; d < rank; ++d) {
    size[d] = dims[d].size;
    x_stride[d] = dims[d].stride[0];
    y_stride[d] = dims[d].stride[1];
  }
  return rank;
}

int64_t offset_of(int64_t index, int rank, const int64_t* size, const int64_t* stride) {
  int64_t offset = 0;
  for (int d = rank - 1; d >= 0; --d) {
    offset += index % size[d] * stride[d];
    index /= size[d];
  }
  return offset;
}

}  // namespace

LayerNorm prepare_layer_norm(const Kernel& kernel, const TensorView& x, const TensorView& y,
                             int axis, float epsilon) {
  const TensorView* const operands[] = {&x, &y};
  check_f32_views(operands, 2);
  if (axis < 0 || axis >= y.rank) throw Error(ErrorKind::attribute, "layer_norm: no such axis");
  LayerNorm norm;
  norm.kernel = &kernel;
  norm.epsilon = epsilon;
  norm.n = norm.tasks = 1;
  for (int d = 0; d < y.rank; ++d) (d < axis ? norm.tasks : norm.n) *= y.shape[d];
  if (norm.n == 0) norm.tasks = 0;
  if (norm.tasks == 0) return norm;
  Dimension dims[kMaxRank];
  const uint32_t outer = (1u << axis) - 1;
  int rank = coalesce(operands, 2, outer, dims, true);
  norm.rank = copy_dimensions(dims, rank, norm.size, norm.x_stride, norm.y_stride);
  rank = coalesce(operands, 2, ~outer, dims, true);
  norm.inner_rank = copy_dimensions(dims, rank, norm.inner_size, norm.x_inner, norm.y_inner);
  norm.gathers = rank > 1 || (rank == 1 && (norm.x_inner[0] != 1 || norm.y_inner[0] != 1));
  return norm;
}

size_t scratch_bytes(const LayerNorm& norm) {
  return norm.gathers ? static_cast<size_t>(norm.n) * sizeof(float) : 0;
}

void run(const LayerNorm& norm, const float* x, float* y, const float* scale, const float* bias,
         float* mean, float* inv_std, void* scratch, int64_t begin, int64_t end) {
  float* const row = static_cast<float*>(scratch);
  for (int64_t task = begin; task < end; ++task) {
    const float* src = x + offset_of(task, norm.rank, norm.size, norm.x_stride);
    float* dst = y + offset_of(task, norm.rank, norm.size, norm.y_stride);
    LayerSpan span = {src,
                      dst,
                      scale,
                      bias,
                      norm.n,
                      norm.epsilon,
                      mean ? mean + task : nullptr,
                      inv_std ? inv_std + task : nullptr};
    if (!norm.gathers) {
      norm.kernel->layer(span);
      continue;
    }
    for (int64_t i = 0; i < norm.n; ++i) {
      row[i] = src[offset_of(i, norm.inner_rank, norm.inner_size, norm.x_inner)];
    }
    span.x = span.y = row;
    norm.kernel->layer(span);
    for (int64_t i = 0; i < norm.n; ++i) {
      dst[offset_of(i, norm.inner_rank, norm.inner_size, norm.y_inner)] = row[i];
    }
  }
}

}  // namespace fi::normalize
