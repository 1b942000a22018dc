#include "plan/stripes.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace fi::plan {
namespace {

using Refusal = std::optional<std::string>;

/// Rows of a band below which computing its borders twice costs more than a thread brings.
constexpr int64_t kLeastBandRows = 4;

bool writes(const Program& program, const Step& step, int buffer) {
  return std::any_of(step.outputs.begin(), step.outputs.end(),
                     [&](int t) { return t >= 0 && program.tensors[t].buffer == buffer; });
}

// Row y of every output is made with row y of the first. The last step alone may have several: of
// others, what is read after the group would not be told from what the group reads.
Refusal check_outputs(const Program& program, const Step& step, bool last) {
  if (step.outputs.size() > 1 && !last) return step.name + " has several outputs";
  const Tensor& y = program.tensors[step.outputs[0]];
  if (y.rank != 4) return step.name + " has no rows";
  for (int t : step.outputs) {
    const bool alike = t >= 0 && program.tensors[t].rank == 4 &&
                       program.tensors[t].shape[0] == y.shape[0] &&
                       program.tensors[t].shape[2] == y.shape[2];
    if (!alike) return step.name + " has outputs of other rows";
  }
  return {};
}

Refusal check_step(const Program& program, const Step& step, const Operator& op, int64_t batch,
                   bool last) {
  if (!op.striped()) return step.name + " needs its whole input";
  if (Refusal r = check_outputs(program, step, last)) return r;
  if (program.tensors[step.outputs[0]].shape[0] != batch)
    return step.name + " has another batch than the last step";
  for (int t : step.inputs) {
    if (t >= 0 && writes(program, step, program.tensors[t].buffer))
      return step.name + " reads and writes one buffer";
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

// Stripes interleave steps, so none may write what an earlier one reads.
Refusal check_overwrites(const Program& program, const Group& group, int writer) {
  const Step& step = program.steps[group.steps[writer]];
  for (int earlier = 0; earlier < writer; ++earlier) {
    const Step& reader = program.steps[group.steps[earlier]];
    for (int t : reader.inputs) {
      if (t >= 0 && writes(program, step, program.tensors[t].buffer)) {
        return step.name + " overwrites what " + reader.name + " reads";
      }
    }
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

// Whether the tensor's rows lie one after the other, each inside row_stride elements, as those of
// `like`.
bool has_rows_like(const Tensor& tensor, const Tensor& like) {
  if (tensor.rank != 4 || tensor.shape[0] != like.shape[0] || tensor.shape[2] != like.shape[2])
    return false;
  const int64_t row = tensor.stride[2];
  if (row <= 0 || row != like.stride[2] || tensor.stride[0] != like.stride[0]) return false;
  if (tensor.stride[1] < 0 || tensor.stride[3] < 0 || tensor.offset < 0) return false;
  const int64_t last = tensor.offset + (tensor.shape[1] - 1) * tensor.stride[1] +
                       (tensor.shape[3] - 1) * tensor.stride[3];
  return last < row && byte_size(tensor.dtype, 1) == byte_size(like.dtype, 1);
}

// Whether a buffer can be a window of the group: nothing else touches it, and all agree on its
// rows.
bool can_be_window(const Program& program, const Group& group, const Tensor& produced) {
  if (program.buffers[produced.buffer].kind != BufferKind::arena) return false;
  for (size_t s = 0; s < program.steps.size(); ++s) {
    const bool inside =
        std::find(group.steps.begin(), group.steps.end(), static_cast<int>(s)) != group.steps.end();
    const Step& step = program.steps[s];
    for (const std::vector<int>* numbers : {&step.inputs, &step.outputs}) {
      for (int t : *numbers) {
        if (t < 0 || program.tensors[t].buffer != produced.buffer) continue;
        if (!inside || !has_rows_like(program.tensors[t], produced)) return false;
      }
    }
  }
  return true;
}

void add_windows(const Program& program, const Group& group, StripePlan* plan) {
  for (size_t i = 0; i < plan->steps.size(); ++i) {
    const Tensor& y = program.tensors[program.steps[group.steps[i]].outputs[0]];
    const auto same = [&](const StripePlan::Window& window) { return window.buffer == y.buffer; };
    auto known = std::find_if(plan->windows.begin(), plan->windows.end(), same);
    if (known == plan->windows.end()) {
      if (!can_be_window(program, group, y)) continue;
      const int64_t element = byte_size(y.dtype, 1);
      plan->windows.push_back({y.buffer, y.stride[2] * element, y.stride[0] * element, 0});
      known = std::prev(plan->windows.end());
    }
    plan->steps[i].window = static_cast<int>(known - plan->windows.begin());
  }
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
    const bool is_last = number == group.steps.back();
    if (Refusal r = check_step(program, step, *operators[number], plan->batch, is_last)) return r;
    const Tensor& y = program.tensors[step.outputs[0]];
    plan->steps.push_back(
        {operators[number].get(), y.shape[2], {}, read_later(program, group, y.buffer), -1});
  }
  for (int producer = 0; producer < count; ++producer) {
    if (Refusal r = check_overwrites(program, group, producer)) return r;
    for (int consumer = producer + 1; consumer < count; ++consumer) {
      if (Refusal r = link(program, group, producer, consumer, plan)) return r;
    }
  }
  return {};
}

// Rows that step i must have made before the stripe's later steps run.
int64_t rows_needed(const StripePlan& plan, int i, const std::vector<int64_t>& done,
                    const std::vector<int64_t>& need, bool last_stripe) {
  const StripePlan::Step& step = plan.steps[i];
  if (step.complete && last_stripe) return step.height;
  int64_t rows = 0;
  for (const StripePlan::Use& use : step.uses) {
    const int64_t from = done[use.consumer], to = need[use.consumer];
    if (to <= from) continue;
    const int64_t end = use.halo ? plan.steps[use.consumer].op->input_rows(from, to).second : to;
    rows = std::max(rows, end);
  }
  const int64_t unit = step.op->row_unit();
  return std::min((rows + unit - 1) / unit * unit, step.height);
}

// The rows at which a band starts: of the last step its own first one, of the others the first that
// later ones need.
std::vector<int64_t> band_start(const StripePlan& plan, int64_t band) {
  const int count = static_cast<int>(plan.steps.size());
  std::vector<int64_t> start(count, 0);
  if (band == 0) return start;
  start.back() = plan.steps.back().height * band / plan.bands;
  for (int i = count - 2; i >= 0; --i) {
    start[i] = plan.steps[i].height;
    for (const StripePlan::Use& use : plan.steps[i].uses) {
      const int64_t row = start[use.consumer];
      const Operator& consumer = *plan.steps[use.consumer].op;
      start[i] = std::min(start[i], use.halo ? consumer.input_rows(row, row + 1).first : row);
    }
  }
  return start;
}

// Calls visit(position, rows, done): each row of the band of each step once, image by image; those
// before done[i] of step i are there, or not needed.
template <class Visit>
void for_each_stripe(const StripePlan& plan, int64_t band, Visit&& visit) {
  const int count = static_cast<int>(plan.steps.size());
  const int64_t height = plan.steps.back().height;
  const int64_t band_end = height * (band + 1) / plan.bands;
  const std::vector<int64_t> start = band_start(plan, band);
  std::vector<int64_t> done, need;
  for (int64_t image = 0; image < plan.batch; ++image) {
    done = start;
    for (int64_t y = start.back(); y < band_end; y += plan.stripe_rows) {
      const int64_t stripe_end = std::min(y + plan.stripe_rows, band_end);
      need.assign(count, 0);
      need.back() = stripe_end;
      for (int i = count - 2; i >= 0; --i)
        need[i] = rows_needed(plan, i, done, need, stripe_end == height);
      for (int i = 0; i < count; ++i) {
        if (need[i] <= done[i]) continue;
        visit(i, RowRange{image, image + 1, done[i], need[i]}, done);
        done[i] = need[i];
      }
    }
  }
}

// The first row of a window that a step has yet to read, or to make: some are made that none reads.
int64_t first_needed(const StripePlan& plan, int window, const std::vector<int64_t>& done) {
  int64_t first = INT64_MAX;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const StripePlan::Step& producer = plan.steps[i];
    if (producer.window != window) continue;
    first = std::min(first, done[i]);
    for (const StripePlan::Use& use : producer.uses) {
      const int64_t next = done[use.consumer];
      const StripePlan::Step& consumer = plan.steps[use.consumer];
      if (next >= consumer.height) continue;
      first = std::min(first, use.halo ? consumer.op->input_rows(next, next + 1).first : next);
    }
  }
  return first;
}

// The first row of a window that is made next.
int64_t first_made(const StripePlan& plan, int window, const std::vector<int64_t>& done) {
  int64_t first = INT64_MAX;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].window == window) first = std::min(first, done[i]);
  }
  return first;
}

int64_t rows_made(const StripePlan& plan, int window, const std::vector<int64_t>& done) {
  int64_t made = 0;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].window == window) made = std::max(made, done[i]);
  }
  return made;
}

// The most rows that lie between the first still needed and the last just made.
void measure_windows(StripePlan* plan) {
  const auto measure = [&](int position, const RowRange& rows, const std::vector<int64_t>& done) {
    const int w = plan->steps[position].window;
    if (w < 0) return;
    const int64_t end = std::max(rows.end, rows_made(*plan, w, done));
    plan->windows[w].rows = std::max(plan->windows[w].rows, end - first_needed(*plan, w, done));
  };
  for (int64_t band = 0; band < plan->bands; ++band) for_each_stripe(*plan, band, measure);
}

// Whether nothing but windows lies between the steps, and only the last one's rows are read after
// the group: then bands write no row twice.
bool is_separable(const StripePlan& plan) {
  return std::all_of(plan.steps.begin(), plan.steps.end() - 1, [](const StripePlan::Step& step) {
    return step.window >= 0 && !step.complete;
  });
}

// Makes the window's row `first` of `image` stand at its base, for tensors that count from row 0 of
// image 0.
void show(const StripePlan& plan, size_t w, char* base, int64_t image, int64_t first,
          char** buffers) {
  const StripePlan::Window& window = plan.windows[w];
  const int64_t before = image * window.image_bytes + first * window.row_bytes;
  buffers[window.buffer] = reinterpret_cast<char*>(reinterpret_cast<intptr_t>(base) - before);
}

}  // namespace

StripePlan plan_stripes(const Program& program, const Group& group,
                        const std::vector<std::unique_ptr<Operator>>& operators, int64_t bands,
                        std::string* refusal) {
  if (group.stripe_rows <= 0 || group.steps.size() < 2) return {};
  StripePlan plan;
  if (Refusal reason = build(program, group, operators, &plan)) {
    *refusal = *reason;
    return {};
  }
  add_windows(program, group, &plan);
  if (is_separable(plan)) {
    const int64_t most = plan.steps.back().height / kLeastBandRows;
    plan.bands = std::clamp<int64_t>(most, 1, std::max<int64_t>(bands, 1));
  }
  measure_windows(&plan);
  return plan;
}

void run_stripes(const StripePlan& plan, int64_t band, char** buffers,
                 const std::function<void(int, const RowRange&)>& run) {
  std::vector<char*> bases;
  for (const StripePlan::Window& window : plan.windows)
    bases.push_back(buffers[window.buffer] + band * window.bytes());
  std::vector<int64_t> first(plan.windows.size(), 0);  // row at the window's front
  int64_t image = -1;
  const auto visit = [&](int position, const RowRange& rows, const std::vector<int64_t>& done) {
    if (rows.batch_begin != image) {
      image = rows.batch_begin;
      for (size_t w = 0; w < plan.windows.size(); ++w)
        show(plan, w, bases[w], image, first[w] = first_made(plan, static_cast<int>(w), done),
             buffers);
    }
    const int w = plan.steps[position].window;
    if (w >= 0 && rows.end > first[w] + plan.windows[w].rows) {
      const int64_t keep = first_needed(plan, w, done), made = rows_made(plan, w, done);
      const int64_t row_bytes = plan.windows[w].row_bytes;
      if (made > keep) {
        std::memmove(bases[w], bases[w] + (keep - first[w]) * row_bytes, (made - keep) * row_bytes);
      }
      show(plan, w, bases[w], image, first[w] = keep, buffers);
    }
    run(position, rows);
  };
  for_each_stripe(plan, band, visit);
}

}  // namespace fi::plan
