// _core.WeightCache, prepare, Plan.
#include "plan/plan.h"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "bindings/program.h"
#include "cpu/features.h"
#include "cpu/topology.h"
#include "plan/arena.h"
#include "plan/prepare.h"

namespace fi::bindings {
namespace {

/// A plan and what its arrays must be.
class BoundPlan {
 public:
  explicit BoundPlan(std::shared_ptr<const plan::Plan> plan) : plan_(std::move(plan)) {
    for (const plan::Buffer& buffer : plan_->program().buffers) {
      if (buffer.kind == plan::BufferKind::input) add(inputs_, buffer);
      if (buffer.kind == plan::BufferKind::output) add(outputs_, buffer);
    }
  }

  void run(const py::list& inputs, const py::list& outputs) const {
    const auto in = pointers(inputs, inputs_, "input", false);
    const auto out = pointers(outputs, outputs_, "output", true);
    py::gil_scoped_release unlocked;
    plan_->run(in, out);
  }

  /// Seconds, (runs, steps).
  py::array_t<double> profile(const py::list& inputs, const py::list& outputs, int runs) const {
    const auto in = pointers(inputs, inputs_, "input", false);
    const auto out = pointers(outputs, outputs_, "output", true);
    if (runs < 0) throw Error(ErrorKind::value, "runs is negative");
    const auto steps = static_cast<py::ssize_t>(plan_->program().steps.size());
    py::array_t<double> seconds({static_cast<py::ssize_t>(runs), steps});
    std::fill_n(seconds.mutable_data(), seconds.size(), 0.0);
    double* row = seconds.mutable_data();
    py::gil_scoped_release unlocked;
    for (int i = 0; i < runs; ++i, row += steps) plan_->run(in, out, row);
    return seconds;
  }

  py::list report() const {
    py::list rows;
    for (size_t i = 0; i < plan_->program().steps.size(); ++i) rows.append(step_report(i));
    return rows;
  }

  py::dict memory() const {
    const plan::MemoryReport memory = plan_->memory();
    py::dict out;
    out["arena_bytes"] = memory.arena;
    out["unshared_bytes"] = memory.unshared;
    out["workspace_bytes"] = memory.workspace;
    out["scratch_bytes"] = memory.scratch;
    out["packed_bytes"] = memory.packed;
    out["arenas"] = memory.leases;
    return out;
  }

  int threads() const { return plan_->threads(); }

  const std::shared_ptr<const plan::Plan>& plan() const { return plan_; }
  /// By array number.
  const std::vector<int64_t>& input_bytes() const { return inputs_; }
  const std::vector<int64_t>& output_bytes() const { return outputs_; }
  static constexpr int64_t kAnySize = -1;  // of an array that the plan does not touch

 private:
  static void add(std::vector<int64_t>& sizes, const plan::Buffer& buffer) {
    if (buffer.index >= static_cast<int>(sizes.size())) sizes.resize(buffer.index + 1, kAnySize);
    sizes[buffer.index] = std::max(sizes[buffer.index], buffer.bytes);
  }

  // Shapes and types are the session's to check; here, that the bytes which the plan touches are
  // there.
  static std::vector<char*> pointers(const py::list& arrays, const std::vector<int64_t>& sizes,
                                     const char* side, bool writable) {
    if (arrays.size() != sizes.size()) {
      throw Error(ErrorKind::shape, std::string("expected ") + std::to_string(sizes.size()) + " " +
                                        side + "s, got " + std::to_string(arrays.size()));
    }
    std::vector<char*> out;
    for (size_t i = 0; i < sizes.size(); ++i) {
      const std::string name = std::string(side) + " " + std::to_string(i);
      if (!py::isinstance<py::array>(arrays[i]))
        throw Error(ErrorKind::dtype, name + " is not an array");
      const auto array = py::reinterpret_borrow<py::array>(arrays[i]);
      if (!(array.flags() & py::array::c_style))
        throw Error(ErrorKind::shape, name + " is not C-contiguous");
      if (writable && !array.writeable()) throw Error(ErrorKind::value, name + " is read-only");
      if (sizes[i] != kAnySize && array.nbytes() != sizes[i]) {
        throw Error(ErrorKind::shape, name + " has " + std::to_string(array.nbytes()) +
                                          " bytes, the plan wants " + std::to_string(sizes[i]));
      }
      out.push_back(static_cast<char*>(const_cast<void*>(array.data())));
    }
    return out;
  }

  py::dict step_report(size_t number) const {
    const plan::Step& step = plan_->program().steps[number];
    const plan::StepReport& report = plan_->report(number);
    const plan::Tensor& y = plan_->program().tensors[step.outputs[0]];
    py::dict row, refused, candidates, errors;
    for (const auto& [candidate, reason] : report.refused) refused[py::str(candidate)] = reason;
    for (const auto& [candidate, cycles] : report.candidates) {
      candidates[py::str(candidate)] = cycles;
    }
    for (const auto& [candidate, error] : report.errors) errors[py::str(candidate)] = error;
    row["op"] = step.op;
    row["name"] = step.name;
    row["shape"] = py::tuple(py::cast(std::vector<int64_t>(y.shape, y.shape + y.rank)));
    row["dtype"] = name_of(y.dtype);
    row["algorithm"] = report.algorithm;
    row["kernel"] = report.kernel;
    row["macs"] = report.macs;
    row["bytes"] = report.bytes;
    row["weights"] = report.weights;
    row["why"] = report.why;
    row["refused"] = refused;
    py::dict lowered;
    for (const auto& [candidate, bytes] : report.lowered_bytes) lowered[py::str(candidate)] = bytes;
    row["lowered_bytes"] = lowered;
    row["scratch_bytes"] = report.scratch_bytes;
    row["candidates"] = candidates;
    row["errors"] = errors;
    row["slow"] = report.slow;
    row["group"] = plan_->group(number);
    row["stripe_rows"] = plan_->stripe_rows(number);
    row["stripe_refusal"] = plan_->stripe_refusal(number);
    return row;
  }

  std::shared_ptr<const plan::Plan> plan_;
  std::vector<int64_t> inputs_, outputs_;  // bytes
};

/// A plan for arrays of known types and shapes: what is to be looked at before each run, and no
/// more.
class Call {
 public:
  /// (name, type, shape, number among the plan's arrays; -1 of an input: the plan does not read it)
  using Entry = std::tuple<std::string, py::dtype, std::vector<py::ssize_t>, int64_t>;

  Call(const BoundPlan& bound, const std::vector<Entry>& inputs, const std::vector<Entry>& outputs)
      : plan_(bound.plan()),
        inputs_(arrays_of(inputs, bound.input_bytes(), true)),
        outputs_(arrays_of(outputs, bound.output_bytes(), false)),
        input_count_(bound.input_bytes().size()),
        output_count_(bound.output_bytes().size()) {}

  /// The outputs by name; None, and nothing done, if the arrays are others.
  py::object run(const py::tuple& arrays) const {
    if (arrays.size() != inputs_.size()) return py::none();
    std::vector<char*> in(input_count_), out(output_count_);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Array& wanted = inputs_[i];
      if (!wanted.fits(arrays[i])) return py::none();
      const auto array = py::reinterpret_borrow<py::array>(arrays[i]);
      if (wanted.number >= 0)
        in[wanted.number] = static_cast<char*>(const_cast<void*>(array.data()));
    }
    py::dict results;
    for (const Array& made : outputs_) {
      py::array array(made.dtype, made.shape);
      out[made.number] = static_cast<char*>(array.mutable_data());
      results[made.name] = std::move(array);
    }
    {
      py::gil_scoped_release unlocked;
      plan_->run(in, out);
    }
    return results;
  }

 private:
  struct Array {
    py::str name;
    py::dtype dtype;
    std::vector<py::ssize_t> shape;
    int64_t number;

    bool fits(const py::handle& value) const {
      if (!py::isinstance<py::array>(value)) return false;
      const auto array = py::reinterpret_borrow<py::array>(value);
      return (array.flags() & py::array::c_style) &&
             array.ndim() == static_cast<py::ssize_t>(shape.size()) &&
             std::equal(shape.begin(), shape.end(), array.shape()) &&
             (array.dtype().is(dtype) || array.dtype().equal(dtype));
    }
    int64_t bytes() const {
      return std::accumulate(shape.begin(), shape.end(), dtype.itemsize(), std::multiplies<>());
    }
  };

  /// Every array of the plan's once.
  static std::vector<Array> arrays_of(const std::vector<Entry>& entries,
                                      const std::vector<int64_t>& sizes, bool may_be_unread) {
    std::vector<Array> arrays;
    std::vector<bool> seen(sizes.size(), false);
    for (const auto& [name, dtype, shape, number] : entries) {
      arrays.push_back({py::str(name), dtype, shape, number});
      if (number == -1 && may_be_unread) continue;
      if (number < 0 || number >= static_cast<int64_t>(sizes.size()) || seen[number])
        throw Error(ErrorKind::value, name + " has no array of its own");
      seen[number] = true;
      if (sizes[number] != BoundPlan::kAnySize && arrays.back().bytes() != sizes[number])
        throw Error(ErrorKind::shape, name + " is not of the size that the plan wants");
    }
    if (std::find(seen.begin(), seen.end(), false) != seen.end())
      throw Error(ErrorKind::value, "the plan has an array that is not named");
    return arrays;
  }

  std::shared_ptr<const plan::Plan> plan_;
  std::vector<Array> inputs_, outputs_;
  size_t input_count_, output_count_;  // of the plan's arrays
};

plan::WeightPolicy policy_of(const std::string& name) {
  if (name == "auto") return plan::WeightPolicy::automatic;
  if (name == "compressed") return plan::WeightPolicy::compressed;
  if (name == "dense") return plan::WeightPolicy::dense;
  throw Error(ErrorKind::value, "weights is auto, compressed or dense");
}

BoundPlan prepare(const py::object& program, ModelWeights& weights,
                  const std::optional<std::string>& isa, int threads,
                  const std::map<std::string, std::string>& algorithms,
                  std::optional<int64_t> memory_limit,
                  const std::map<int64_t, std::pair<std::string, std::string>>& tuned,
                  const std::string& weight_policy, const std::function<void()>& let_go) {
  plan::Options options;
  options.let_go = let_go;
  options.weights = policy_of(weight_policy);
  options.features = cpu::usable_under(isa.value_or(""));
  if (threads > cpu::kMaxThreads) throw Error(ErrorKind::value, "too many threads");
  options.threads = threads > 0 ? threads : cpu::default_threads();
  options.algorithms = algorithms;
  for (const auto& [step, wish] : tuned) options.tuned[step] = {wish.first, wish.second};
  if (memory_limit && *memory_limit > 0) options.memory_limit = *memory_limit;
  plan::Program records = program_of(program, weights);
  py::gil_scoped_release unlocked;
  return BoundPlan(plan::prepare(std::move(records), weights.packed(), options));
}

py::tuple place_arena(const std::vector<std::tuple<int64_t, int, int>>& items) {
  std::vector<plan::ArenaItem> placed;
  for (const auto& [bytes, first, last] : items) placed.push_back({bytes, first, last, 0});
  const int64_t total = plan::place(placed);
  std::vector<int64_t> offsets;
  for (const plan::ArenaItem& item : placed) offsets.push_back(item.offset);
  return py::make_tuple(total, offsets);
}

}  // namespace

void bind_plan(py::module_& module) {
  py::class_<ModelWeights>(module, "WeightCache",
                           "Weights of one model, packed once for all of its plans.")
      .def(py::init<int64_t>(), py::arg("limit_bytes"))
      .def_property_readonly("bytes", [](const ModelWeights& w) { return w.packed()->bytes(); })
      .def_property_readonly("entries",
                             [](const ModelWeights& w) { return w.packed()->entries(); });
  py::class_<BoundPlan>(module, "Plan", "A prepared program. Runs from many threads at once.")
      .def("run", &BoundPlan::run, py::arg("inputs"), py::arg("outputs"))
      .def("profile", &BoundPlan::profile, py::arg("inputs"), py::arg("outputs"), py::arg("runs"),
           "Seconds of each step of each run: (runs, steps).")
      .def("report", &BoundPlan::report, "A dict for each step.")
      .def("memory", &BoundPlan::memory, "Bytes of the arena and of what stands beside it.")
      .def_property_readonly("threads", &BoundPlan::threads);
  py::class_<Call>(module, "Call", "A plan for arrays of known types and shapes.")
      .def(py::init<const BoundPlan&, const std::vector<Call::Entry>&,
                    const std::vector<Call::Entry>&>(),
           py::arg("plan"), py::arg("inputs"), py::arg("outputs"))
      .def("run", &Call::run, py::arg("arrays"),
           "The outputs by name; None, and nothing done, if the arrays are others.");
  module.def("prepare", &prepare, py::arg("program"), py::arg("cache"), py::arg("isa") = py::none(),
             py::arg("threads") = 0, py::arg("algorithms") = std::map<std::string, std::string>(),
             py::arg("memory_limit") = py::none(),
             py::arg("tuned") = std::map<int64_t, std::pair<std::string, std::string>>(),
             py::arg("weights") = "auto", py::arg("let_go") = py::none(),
             "Checks, chooses, packs and places a program. threads 0: as many as usable; "
             "memory_limit None: no limit; tuned: step number -> (algorithm, why), taken where it "
             "can be; let_go: called when a step has read its weights.");
  module.def(
      "trim_memory",
      [] {
#ifdef __GLIBC__
        malloc_trim(0);
#endif
      },
      "Gives memory that the allocator keeps for later back to the system, where it can.");
  module.def("_place_arena", &place_arena, py::arg("items"),
             "(bytes, first group, last group) of each buffer -> (arena bytes, offsets).");
}

}  // namespace fi::bindings
