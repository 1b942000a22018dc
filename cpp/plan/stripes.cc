#include "plan/stripes.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace fi::plan {
namespace {

using Refusal = std::optional<std::string>;

Refusal check_step(const Program& program, const Step& step, const Operator& op, int64_t batch) {
  if (!op.striped()) return step.name + " needs its whole input";
  if (step.outputs.size() != 1) return step.name + " has several outputs";
  const Tensor& y = program.tensors[step.outputs[0]];
  if (y.rank != 4) return step.name + " has no rows";
  if (y.shape[0] != batch) return step.name + " has another batch than the last step";
  for (int t : step.inputs) {
    if (t >= 0 && program.tensors[t].buffer == y.buffer) {
      return step.name + " reads and writes one buffer";
    }
  }
  return {};
}

// Whether row y of `view` is row y of `produced` (it may be a channel slice of it, or it of the
// view).
bool rows_align(const Tensor& view, const Tensor& produced) {
  return view.rank == 4 && view.dtype == produced.dtype && view.shape[0] == produced.shape[0] &&
         view.shape[2] == produced.shape[2] && view.stride[2] == produced.stride[2] &&
         view.stride[0] == produced.stride[0] &&
         std::abs(view.offset - produced.offset) < std::abs(view.stride[2]);
}

Refusal link(const Program& program, const Group& group, int producer, int consumer,
             StripePlan* plan) {
  const Tensor& produced = program.tensors[program.steps[group.steps[producer]].outputs[0]];
  const Step& reader = program.steps[group.steps[consumer]];
  const Tensor& result = program.tensors[reader.outputs[0]];
  for (size_t i = 0; i < reader.inputs.size(); ++i) {
    if (reader.inputs[i] < 0) continue;
    const Tensor& view = program.tensors[reader.inputs[i]];
    if (view.buffer != produced.buffer) continue;
    if (!rows_align(view, produced) || (i > 0 && view.shape[2] != result.shape[2])) {
      return reader.name + " does not read " + produced.name + " row by row";
    }
    plan->steps[producer].uses.push_back({consumer, i == 0});
  }
  return {};
}

bool read_later(const Program& program, const Group& group, int buffer) {
  if (program.buffers[buffer].kind == BufferKind::output) return true;
  for (size_t s = group.steps.back() + 1; s < program.steps.size(); ++s) {
    for (int t : program.steps[s].inputs) {
      if (t >= 0 && program.tensors[t].buffer == buffer) return true;
    }
  }
  return false;
}

Refusal build(const Program& program, const Group& group,
              const std::vector<std::unique_ptr<Operator>>& operators, StripePlan* plan) {
  const int count = static_cast<int>(group.steps.size());
  const Step& last = program.steps[group.steps.back()];
  const Tensor& result = program.tensors[last.outputs[0]];
  plan->batch = result.shape[0];
  plan->stripe_rows = group.stripe_rows;
  for (int number : group.steps) {
    const Step& step = program.steps[number];
    if (Refusal r = check_step(program, step, *operators[number], plan->batch)) return r;
    const Tensor& y = program.tensors[step.outputs[0]];
    plan->steps.push_back(
        {operators[number].get(), y.shape[2], {}, read_later(program, group, y.buffer)});
  }
  for (int producer = 0; producer < count; ++producer) {
    for (int consumer = producer + 1; consumer < count; ++consumer) {
      if (Refusal r = link(program, group, producer, consumer, plan)) return r;
    }
  }
  return {};
}

}  // namespace

StripePlan plan_stripes(const Program& program, const Group& group,
                        const std::vector<std::unique_ptr<Operator>>& operators,
                        std::string* refusal) {
  if (group.stripe_rows <= 0 || group.steps.size() < 2) return {};
  StripePlan plan;
  if (Refusal reason = build(program, group, operators, &plan)) {
    *refusal = *reason;
    return {};
  }
  return plan;
}

void for_each_stripe(const StripePlan& plan, const std::function<void(int, const RowRange&)>& run) {
  const int count = static_cast<int>(plan.steps.size());
  const int64_t height = plan.steps.back().height;
  std::vector<int64_t> done(count), need(count);
  for (int64_t image = 0; image < plan.batch; ++image) {
    std::fill(done.begin(), done.end(), 0);
    for (int64_t y = 0; y < height; y += plan.stripe_rows) {
      const int64_t stripe_end = std::min(y + plan.stripe_rows, height);
      need.assign(count, 0);
      need.back() = stripe_end;
      for (int i = count - 2; i >= 0; --i) {
        const StripePlan::Step& step = plan.steps[i];
        if (step.complete && stripe_end == height) need[i] = step.height;
        for (const StripePlan::Use& use : step.uses) {
          const int64_t from = done[use.consumer], to = need[use.consumer];
          if (to <= from) continue;
          const int64_t end =
              use.halo ? plan.steps[use.consumer].op->input_rows(from, to).second : to;
          need[i] = std::max(need[i], std::min(end, step.height));
        }
      }
      for (int i = 0; i < count; ++i) {
        if (need[i] <= done[i]) continue;
        run(i, {image, image + 1, done[i], need[i]});
        done[i] = need[i];
      }
    }
  }
}

}  // namespace fi::plan
