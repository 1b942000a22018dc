#include "plan/ops/conv_filter.h"

#include "base/buffer.h"

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
  packed_ = context.packed(filter.weight, format, bytes, [&](char* out) {
    const AlignedBuffer ordered(needs_ordering() ? ordered_bytes() : 0);
    pack(decoded(filter.weight).get(), ordered.as<float>(), out);
  });
}

int64_t PackedFilter::ordered_bytes() const {
  return outputs_ * inputs_ * taps_h_ * taps_w_ * static_cast<int64_t>(sizeof(float));
}

void PackedFilter::pack(const float* values, float* ordered, char* out) const {
  const int64_t k = taps_h_ * taps_w_ * inputs_;
  for (int64_t g = 0; g < groups_; ++g) {
    gemm::RhsView rhs{values + view_.at(g, 0, 0, 0, 0), k, outputs_, view_.in, view_.out};
    if (needs_ordering()) {
      // A two-dimensional view cannot order taps before inputs, so the group is laid out first.
      float* next = ordered;
      for (int64_t o = 0; o < outputs_; ++o) {
        for (int64_t y = 0; y < taps_h_; ++y) {
          for (int64_t x = 0; x < taps_w_; ++x) {
            for (int64_t i = 0; i < inputs_; ++i) *next++ = values[view_.at(g, o, i, y, x)];
          }
        }
      }
      rhs = {ordered, k, outputs_, 1, k};
    }
    kernel_->pack_rhs(rhs, out + g * group_bytes_);
  }
}

void PackedFilter::pack_at_run(const RunContext& context) const {
  if (constant()) return;
  float* ordered =
      ordered_buffer_ < 0 ? nullptr : reinterpret_cast<float*>(context.buffers[ordered_buffer_]);
  pack(operand_.as<const float>(context), ordered, context.buffers[packed_buffer_]);
}

const char* PackedFilter::group(const RunContext& context, int64_t g) const {
  return (constant() ? packed_->data() : context.buffers[packed_buffer_]) + g * group_bytes_;
}

}  // namespace fi::plan
