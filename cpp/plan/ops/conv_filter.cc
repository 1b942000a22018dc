#include "plan/ops/conv_filter.h"

#include "base/buffer.h"
#include "parallel/pool.h"
#include "plan/ops/split.h"

namespace fi::plan {

std::string FilterView::key() const {
  std::string text;
  for (int64_t number : {start, group, out, in, row, column})
    text.append(":").append(std::to_string(number));
  return text;
}

PackedFilter::PackedFilter(const gemm::Kernel& kernel, const ConvProblem& problem,
                           const Filter& filter, PrepareContext& context)
    : kernel_(&kernel),
      view_(filter.view),
      operand_(filter.operand),
      groups_(problem.groups),
      inputs_(problem.group_inputs()),
      outputs_(problem.group_outputs()),
      taps_h_(problem.window.kernel_h),
      taps_w_(problem.window.kernel_w) {
  group_bytes_ = align_up(static_cast<int64_t>(kernel.packed_rhs_bytes(problem.k(), outputs_)));
  const int64_t bytes = groups_ * group_bytes_;
  if (!filter.weight) {
    packed_buffer_ = context.workspace(bytes);
    if (needs_ordering()) ordered_buffer_ = context.workspace(ordered_bytes());
    return;
  }
  const std::string format = std::string(kernel.info.name) + view_.key() + "/" +
                             std::to_string(groups_) + "x" + std::to_string(inputs_) + "x" +
                             std::to_string(outputs_) + "x" + std::to_string(taps_h_) + "x" +
                             std::to_string(taps_w_);
  const int threads = context.threads();
  packed_ = context.packed(filter.weight, format, bytes, [&](char* out) {
    const AlignedBuffer ordered(needs_ordering() ? ordered_bytes() : 0);
    pack(decoded(filter.weight).get(), ordered.as<float>(), out, threads);
  });
}

int64_t PackedFilter::ordered_bytes() const {
  return outputs_ * inputs_ * taps_h_ * taps_w_ * static_cast<int64_t>(sizeof(float));
}

// Taps before inputs, for outputs [begin, end) of a group.
void PackedFilter::order(const float* values, int64_t group, int64_t begin, int64_t end,
                         float* ordered) const {
  float* next = ordered + begin * taps_h_ * taps_w_ * inputs_;
  for (int64_t o = begin; o < end; ++o) {
    for (int64_t y = 0; y < taps_h_; ++y) {
      for (int64_t x = 0; x < taps_w_; ++x) {
        for (int64_t i = 0; i < inputs_; ++i) *next++ = values[view_.at(group, o, i, y, x)];
      }
    }
  }
}

void PackedFilter::pack(const float* values, float* ordered, char* out, int threads) const {
  const int64_t k = taps_h_ * taps_w_ * inputs_;
  const Split panels = split(outputs_, kernel_->nr, threads <= 1 ? 1 : kTasksPerThread * threads);
  for (int64_t g = 0; g < groups_; ++g) {
    parallel_for(threads, panels.parts, [&](int, int64_t part) {
      const int64_t begin = panels.begin(part), end = panels.end(part);
      gemm::RhsView rhs{values + view_.at(g, begin, 0, 0, 0), k, end - begin, view_.in, view_.out};
      if (needs_ordering()) {
        // A two-dimensional view cannot say that taps come before inputs.
        order(values, g, begin, end, ordered);
        rhs = {ordered + begin * k, k, end - begin, 1, k};
      }
      kernel_->pack_rhs(rhs, out + g * group_bytes_ + kernel_->packed_rhs_bytes(k, begin));
    });
  }
}

void PackedFilter::pack_at_run(const RunContext& context) const {
  if (constant()) return;
  float* ordered =
      ordered_buffer_ < 0 ? nullptr : reinterpret_cast<float*>(context.buffers[ordered_buffer_]);
  pack(operand_.as<const float>(context), ordered, context.buffers[packed_buffer_],
       context.threads);
}

const char* PackedFilter::group(const RunContext& context, int64_t g) const {
  return (constant() ? packed_->data() : context.buffers[packed_buffer_]) + g * group_bytes_;
}

}  // namespace fi::plan
