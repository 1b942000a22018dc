// Operators whose output size depends on data. They return arrays of their own.
#pragma once

#include <cstddef>
#include <vector>

#include "base/view.h"

namespace fi::strided {

/// A contiguous, row-major array that owns its elements.
struct DynamicArray {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;

  TensorView view();
};

/// s64 (rank, count): column j holds the coordinates of the j-th nonzero element in row-major
/// order.
DynamicArray nonzero(const TensorView& x);

struct NonMaxSuppression {
  bool center_point_box =
      false;  // boxes are (x, y, width, height), else two opposite corners (y1, x1, y2, x2)
  int64_t max_output_boxes_per_class = 0;
  float iou_threshold = 0;
  float score_threshold = 0;
  bool has_score_threshold = false;
};

/// boxes f32 (batches, n, 4), scores f32 (batches, classes, n) -> s64 (selected, 3): batch, class,
/// box. Per batch and class: boxes with score > threshold in descending score (equal scores: lower
/// index first), each kept unless its intersection over union with a kept one exceeds the threshold
/// (greedy, as onnxruntime). Throws Error(shape).
DynamicArray non_max_suppression(const TensorView& boxes, const TensorView& scores,
                                 const NonMaxSuppression& attributes);

/// The slices of x along axis where condition (boolean, rank 1, at most as long as the axis) is
/// true; flat: the elements of x in row-major order instead. Throws Error(shape).
DynamicArray compress(const TensorView& x, const TensorView& condition, int axis, bool flat);

}  // namespace fi::strided
