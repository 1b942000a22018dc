#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/strided/dynamic.h"
#include "kernels/strided/iterator.h"

namespace fi::strided {
namespace {

struct Box {
  float top, left, bottom, right;
};

float element(const TensorView& v, int64_t i, int64_t j, int64_t k) {
  return static_cast<const float*>(v.data)[i * v.stride[0] + j * v.stride[1] + k * v.stride[2]];
}

Box box_at(const TensorView& boxes, int64_t batch, int64_t i, bool center_point) {
  float c[4];
  for (int k = 0; k < 4; ++k) c[k] = element(boxes, batch, i, k);
  if (center_point) {
    const float half_width = c[2] / 2, half_height = c[3] / 2;
    return {c[1] - half_height, c[0] - half_width, c[1] + half_height, c[0] + half_width};
  }
  return {std::min(c[0], c[2]), std::min(c[1], c[3]), std::max(c[0], c[2]), std::max(c[1], c[3])};
}

float area(const Box& b) { return (b.bottom - b.top) * (b.right - b.left); }

/// Intersection over union exceeds the threshold; empty boxes overlap nothing.
bool overlap(const Box& a, const Box& b, float threshold) {
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (!(height > 0 && width > 0)) return false;
  const float area_a = area(a), area_b = area(b), common = height * width;
  if (area_a <= 0 || area_b <= 0) return false;
  return common / (area_a + area_b - common) > threshold;
}

struct Candidate {
  float score;
  int64_t index;
};

/// The boxes of a class that may be chosen, best first; a NaN score is never chosen.
std::vector<Candidate> candidates(const TensorView& scores, int64_t batch, int64_t c,
                                  const NonMaxSuppression& a) {
  std::vector<Candidate> found;
  for (int64_t i = 0; i < scores.shape[2]; ++i) {
    const float score = element(scores, batch, c, i);
    const bool wanted = a.has_score_threshold ? score > a.score_threshold : score == score;
    if (wanted) found.push_back({score, i});
  }
  std::sort(found.begin(), found.end(), [](const Candidate& p, const Candidate& q) {
    return p.score > q.score || (p.score == q.score && p.index < q.index);
  });
  return found;
}

void check(const TensorView& boxes, const TensorView& scores) {
  require_dtype(boxes, DType::f32, "non_max_suppression");
  require_dtype(scores, DType::f32, "non_max_suppression");
  const bool fits = boxes.rank == 3 && scores.rank == 3 && boxes.shape[2] == 4 &&
                    boxes.shape[0] == scores.shape[0] && boxes.shape[1] == scores.shape[2];
  if (!fits) {
    throw Error(
        ErrorKind::shape,
        "non_max_suppression: boxes must be (batches, n, 4) and scores (batches, classes, n)");
  }
}

}  // namespace

DynamicArray non_max_suppression(const TensorView& boxes, const TensorView& scores,
                                 const NonMaxSuppression& attributes) {
  check(boxes, scores);
  const size_t most =
      static_cast<size_t>(std::max<int64_t>(attributes.max_output_boxes_per_class, 0));
  std::vector<int64_t> selected;
  std::vector<Box> kept;
  for (int64_t batch = 0; most > 0 && batch < scores.shape[0]; ++batch) {
    for (int64_t c = 0; c < scores.shape[1]; ++c) {
      kept.clear();
      for (const Candidate& candidate : candidates(scores, batch, c, attributes)) {
        const Box box = box_at(boxes, batch, candidate.index, attributes.center_point_box);
        const bool suppressed = std::any_of(kept.begin(), kept.end(), [&](const Box& other) {
          return overlap(box, other, attributes.iou_threshold);
        });
        if (suppressed) continue;
        kept.push_back(box);
        selected.insert(selected.end(), {batch, c, candidate.index});
        if (kept.size() == most) break;
      }
    }
  }
  DynamicArray y{DType::s64, {static_cast<int64_t>(selected.size() / 3), 3}, {}};
  y.bytes.resize(selected.size() * sizeof(int64_t));
  if (!selected.empty()) std::memcpy(y.bytes.data(), selected.data(), y.bytes.size());
  return y;
}

}  // namespace fi::strided
