// Prepared resizing: the tables of both axes, and one kernel call per output row.
#include <algorithm>

#include "base/error.h"
#include "kernels/resize/resize.h"

namespace fi::resize {
namespace {

constexpr int64_t kMaxSize = 1 << 24;  // positions are exact in float32

void check(const Resize2d& resize, int64_t in_height, int64_t in_width, int64_t out_height,
           int64_t out_width) {
  for (const int64_t size : {in_height, in_width, out_height, out_width}) {
    if (size < 1 || size > kMaxSize)
      throw Error(ErrorKind::shape, "resize: an axis of " + std::to_string(size));
  }
  for (const float scale : {resize.scale_h, resize.scale_w}) {
    const bool valid = scale > 1e-6f && scale < 1e6f;
    if (!valid) throw Error(ErrorKind::attribute, "resize: a scale of " + std::to_string(scale));
  }
  for (const float edge : resize.roi) {
    if (!(edge > -1e6f && edge < 1e6f))
      throw Error(ErrorKind::attribute, "resize: roi is out of range");
  }
}

}  // namespace

Plan prepare(const Kernel& kernel, const Resize2d& resize, int64_t in_height, int64_t in_width,
             int64_t out_height, int64_t out_width) {
  check(resize, in_height, in_width, out_height, out_width);
  if (kernel.function != function_of(resize))
    throw Error(ErrorKind::internal, "resize: not a kernel of this mode");
  Plan plan;
  plan.kernel = &kernel;
  plan.rows =
      axis_taps(resize, in_height, out_height, resize.scale_h, resize.roi[0], resize.roi[2]);
  plan.columns =
      axis_taps(resize, in_width, out_width, resize.scale_w, resize.roi[1], resize.roi[3]);
  plan.outside = resize.extrapolation_value;
  return plan;
}

void run(const Plan& plan, const Image<const float>& src, const Image<float>& dst,
         const RowRange& rows) {
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t y = rows.begin; y < rows.end; ++y) {
      const int32_t tap = plan.rows.begin[y];
      plan.kernel->run({
          .src = src.pixel(n, 0, 0),
          .row_stride = src.row_stride,
          .pixel_stride = src.pixel_stride,
          .row = plan.rows.index.data() + tap,
          .row_weight = plan.rows.weight.data() + tap,
          .rows = plan.rows.begin[y + 1] - tap,
          .columns = plan.columns.view(),
          .dst = dst.pixel(n, y, 0),
          .dst_pixel_stride = dst.pixel_stride,
          .width = dst.width,
          .channels = dst.channels,
          .outside = plan.outside,
      });
    }
  }
}

Rows source_rows(const Plan& plan, int64_t begin, int64_t end) {
  const auto first = plan.rows.index.begin() + plan.rows.begin[begin];
  const auto last = plan.rows.index.begin() + plan.rows.begin[end];
  if (first == last) return {0, 0};
  const auto [low, high] = std::minmax_element(first, last);
  return {*low, *high + 1};
}

}  // namespace fi::resize
