#include "plan/prepare.h"

#include <algorithm>
#include <set>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/error.h"
#include "plan/arena.h"
#include "plan/check.h"
#include "plan/choose.h"
#include "plan/in_place.h"
#include "plan/operand.h"
#include "plan/plan.h"

namespace fi::plan {

int64_t element_count(const Weight& weight) {
  int64_t count = 1;
  for (int64_t size : weight.shape) count *= size;
  return count;
}

std::shared_ptr<const float> decoded(const WeightPtr& weight) {
  const void* stored = weight->values.data;
  if (weight->form == WeightForm::dense && weight->dtype == DType::f32 &&
      reinterpret_cast<uintptr_t>(stored) % alignof(float) == 0) {
    return {weight, static_cast<const float*>(stored)};
  }
  const int64_t bytes = element_count(*weight) * static_cast<int64_t>(sizeof(float));
  auto buffer = std::make_shared<AlignedBuffer>(bytes);
  decode_f32(*weight, buffer->as<float>());
  return {buffer, buffer->as<const float>()};
}

Wish PrepareContext::forced(const Step& step) const {
  for (const std::string& key : {step.name, std::string("*")}) {
    auto found = options_.algorithms.find(key);
    if (found != options_.algorithms.end()) return {found->second};
  }
  const auto found = options_.tuned.find(&step - program_.steps.data());
  return found == options_.tuned.end() ? Wish{} : found->second;
}

void PrepareContext::check_forced() const {
  for (const auto& [step, algorithm] : options_.algorithms) {
    const std::string node = step == "*" ? "" : step;
    if (!is_algorithm(algorithm)) {
      throw Error(ErrorKind::argument, node, "",
                  "there is no algorithm " + algorithm + "; there are " + algorithm_names());
    }
    if (applied_.count(algorithm) == 0) {
      throw Error(ErrorKind::argument, node, "", "algorithm " + algorithm + " applies nowhere");
    }
  }
}

PackedPtr PrepareContext::packed(const WeightPtr& weight, const std::string& format, int64_t bytes,
                                 const std::function<void(char*)>& fill) {
  return counted(cache_.get(weight, format, bytes, fill));
}

PackedPtr PrepareContext::packed(const WeightPtr& weight, const std::string& format,
                                 const std::function<AlignedBuffer()>& make) {
  return counted(cache_.get(weight, format, make));
}

PackedPtr PrepareContext::counted(PackedPtr packed) {
  if (counted_.insert(packed.get()).second) packed_bytes_ += packed->bytes();
  return packed;
}

int PrepareContext::workspace(int64_t bytes) {
  workspaces_.emplace_back(next_buffer_, bytes);
  return next_buffer_++;
}

/// Makes a Plan, part by part.
class PlanBuilder {
 public:
  PlanBuilder(Program program, WeightCache& cache, const Options& options)
      : options_(options),
        plan_(std::make_shared<Plan>(std::move(program))),
        context_(plan_->program(), cache, options) {
    plan_->threads_ = std::max(1, options.threads);
  }

  std::shared_ptr<const Plan> build() {
    find_groups();
    find_lives();
    owners_ = in_place_owners(plan_->program_, items_);
    check_activations();
    for (size_t i = 0; i < plan_->program_.steps.size(); ++i) prepare_step(i);
    context_.check_forced();
    plan_groups();
    place_arena();
    bind_constants();
    plan_->memory_.packed = context_.packed_bytes();
    return plan_;
  }

 private:
  void find_groups() {
    plan_->group_of_.resize(plan_->program_.steps.size());
    for (size_t g = 0; g < plan_->program_.groups.size(); ++g) {
      for (int step : plan_->program_.groups[g].steps) plan_->group_of_[step] = static_cast<int>(g);
    }
  }

  // Buffers live from the first group that touches them to the last.
  void find_lives() {
    const Program& program = plan_->program_;
    items_.resize(program.buffers.size());
    for (size_t i = 0; i < items_.size(); ++i) {
      const bool arena = program.buffers[i].kind == BufferKind::arena;
      items_[i].bytes = arena ? program.buffers[i].bytes : 0;
      items_[i].first = INT32_MAX;
    }
    for (size_t s = 0; s < program.steps.size(); ++s) {
      const auto touch = [&](int tensor) {
        if (tensor < 0) return;
        ArenaItem& item = items_[program.tensors[tensor].buffer];
        item.first = std::min(item.first, plan_->group_of_[s]);
        item.last = std::max(item.last, plan_->group_of_[s]);
      };
      for (int tensor : program.steps[s].inputs) touch(tensor);
      for (int tensor : program.steps[s].outputs) touch(tensor);
    }
  }

  // Before any weight is packed: an absurd plan is refused at once.
  void check_activations() {
    std::vector<ArenaItem> items = items_;
    for (const Group& group : plan_->program_.groups) {
      if (group.stripe_rows > 0) leave_out_outputs(group, &items);
    }
    join(owners_, &items);
    check_limit(place(items));
  }

  // What stripes may shrink to a few rows.
  void leave_out_outputs(const Group& group, std::vector<ArenaItem>* items) const {
    for (int step : group.steps) {
      for (int t : plan_->program_.steps[step].outputs) {
        if (t >= 0) (*items)[plan_->program_.tensors[t].buffer].bytes = 0;
      }
    }
  }

  void check_limit(int64_t bytes) const {
    if (bytes <= options_.memory_limit) return;
    throw Error(ErrorKind::memory, "the plan needs " + std::to_string(bytes) +
                                       " bytes for activations, over the limit of " +
                                       std::to_string(options_.memory_limit));
  }

  void prepare_step(size_t number) {
    Step& step = plan_->program_.steps[number];
    const OperatorRow* row = find_operator(step.op);
    if (!row) {
      throw Error(ErrorKind::unsupported, step.name, "", "there is no operator " + step.op);
    }
    std::unique_ptr<Operator> op;
    try {
      op = row->prepare(plan_->program_, step, context_);
    } catch (const Error& error) {
      const std::string& node = error.node().empty() ? step.name : error.node();
      throw Error(error.kind(), node, error.tensor(), error.what());
    }
    op->report().bytes = compulsory_bytes(plan_->program_, step);
    step.weights.clear();  // it is packed: what was decoded for it goes before the next one is
    if (options_.let_go) options_.let_go();
#ifdef __GLIBC__
    if (options_.weights == WeightPolicy::compressed) malloc_trim(0);
#endif
    op->report().scratch_bytes = op->scratch_bytes();
    const int group = plan_->group_of_[number];
    for (const auto& [buffer, bytes] : context_.take_workspaces()) {
      items_.push_back({bytes, group, group, 0});
      shared_.insert(group);
      plan_->memory_.workspace += align_up(bytes);
    }
    plan_->scratch_per_worker_ =
        std::max(plan_->scratch_per_worker_, align_up(op->scratch_bytes()));
    plan_->operators_.push_back(std::move(op));
  }

  void place_arena() {
    MemoryReport& memory = plan_->memory_;
    for (const ArenaItem& item : items_) memory.unshared += align_up(item.bytes);
    join(owners_, &items_);
    memory.arena = place(items_);
    memory.scratch = plan_->scratch_per_worker_ * plan_->threads_;
    check_limit(memory.arena + memory.scratch);
    plan_->arena_offsets_.assign(items_.size(), -1);
    for (size_t i = 0; i < items_.size(); ++i) {
      const bool workspace = i >= plan_->program_.buffers.size();
      if (workspace || plan_->program_.buffers[i].kind == BufferKind::arena) {
        plan_->arena_offsets_[i] = items_[workspace ? i : owners_[i]].offset;
      }
    }
  }

  void bind_constants() {
    const Program& program = plan_->program_;
    plan_->constants_.assign(items_.size(), nullptr);
    for (size_t i = 0; i < program.buffers.size(); ++i) {
      const Buffer& buffer = program.buffers[i];
      if (buffer.kind == BufferKind::constant) plan_->constants_[i] = constant_data(buffer);
    }
  }

  // The stored bytes where they are dense and aligned, else a copy.
  char* constant_data(const Buffer& buffer) {
    const Weight& weight = *buffer.weight;
    const int64_t width = std::max(1, bit_width(weight.dtype) / 8);
    const bool dense = weight.form == WeightForm::dense;
    if (dense && reinterpret_cast<uintptr_t>(weight.values.data) % width == 0) {
      return static_cast<char*>(const_cast<void*>(weight.values.data));
    }
    const int64_t bytes = byte_size(weight.dtype, element_count(weight));
    plan_->decoded_.push_back(context_.packed(buffer.weight, "stored order", bytes, [&](char* out) {
      if (!dense) return decode_f32(weight, reinterpret_cast<float*>(out));
      std::copy_n(static_cast<const char*>(weight.values.data), bytes, out);
    }));
    return plan_->decoded_.back()->data();
  }

  void plan_groups() {
    for (const Group& group : plan_->program_.groups) {
      Plan::PlannedGroup planned;
      planned.steps = group.steps;
      const int64_t bands =
          shared_.count(static_cast<int>(plan_->groups_.size())) ? 1 : plan_->threads_;
      planned.stripes =
          plan_stripes(plan_->program_, group, plan_->operators_, bands, &planned.refusal);
      for (const StripePlan::Window& window : planned.stripes.windows) {
        items_[window.buffer].bytes = planned.stripes.bands * window.bytes();
      }
      plan_->groups_.push_back(std::move(planned));
    }
  }

  const Options& options_;
  std::shared_ptr<Plan> plan_;
  PrepareContext context_;
  std::vector<ArenaItem> items_;  // by buffer number, then workspaces
  std::vector<int> owners_;       // see in_place_owners
  std::set<int> shared_;          // groups whose steps have workspaces, which bands would share
};

std::shared_ptr<const Plan> prepare(Program program, std::shared_ptr<WeightCache> cache,
                                    const Options& options) {
  check(program);
  return PlanBuilder(std::move(program), *cache, options).build();
}

}  // namespace fi::plan
