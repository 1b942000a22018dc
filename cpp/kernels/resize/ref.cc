// The reference: the sums of kernel.h in float64, over the same taps.
#include "kernels/resize/resize.h"

namespace fi::resize {
namespace {

double at(const Plan& plan, const Image<const double>& src, int64_t n, int64_t y, int64_t x,
          int64_t c) {
  const AxisTaps &rows = plan.rows, &columns = plan.columns;
  if (rows.begin[y] == rows.begin[y + 1] || columns.begin[x] == columns.begin[x + 1])
    return plan.outside;
  double sum = 0;
  for (int32_t i = rows.begin[y]; i < rows.begin[y + 1]; ++i) {
    for (int32_t j = columns.begin[x]; j < columns.begin[x + 1]; ++j) {
      const double weight =
          static_cast<double>(rows.weight[i]) * static_cast<double>(columns.weight[j]);
      sum += weight * src.pixel(n, rows.index[i], columns.index[j])[c];
    }
  }
  return sum;
}

}  // namespace

void reference(const Plan& plan, const Image<const double>& src, const Image<double>& dst) {
  for (int64_t n = 0; n < dst.batch; ++n) {
    for (int64_t y = 0; y < dst.height; ++y) {
      for (int64_t x = 0; x < dst.width; ++x) {
        for (int64_t c = 0; c < dst.channels; ++c)
          dst.pixel(n, y, x)[c] = at(plan, src, n, y, x, c);
      }
    }
  }
}

}  // namespace fi::resize
