// _core.conv_cycles, pool_cycles, layout_cycles: what the cost model says, for the pass that
// decides on layouts.
#include "plan/choose.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <limits>
#include <optional>

#include "bindings/kernel_registry.h"
#include "bindings/window_argument.h"
#include "cpu/features.h"

namespace fi::bindings {
namespace {

struct Best {
  double cycles = std::numeric_limits<double>::infinity();
  bool forced = false;  // the algorithm that the caller asks for is among them
};

Best best_of(const std::vector<plan::Candidate>& candidates, const std::string& forced) {
  Best best;
  for (const plan::Candidate& c : candidates) {
    if (!c.refusal.empty()) continue;
    if (c.algorithm == forced) return {c.cycles, true};
    if (c.inaccurate.empty()) best.cycles = std::min(best.cycles, c.cycles);
  }
  return best;
}

plan::Machine machine_of(const std::optional<std::string>& isa) {
  return plan::machine_of(cpu::usable_under(isa.value_or("")));
}

std::optional<std::string> isa_argument(const py::kwargs& kwargs) {
  if (optional_argument(kwargs, "isa").is_none()) return std::nullopt;
  return string_argument(kwargs, "isa", "");
}

py::tuple conv_cycles(const py::kwargs& kwargs) {
  const auto x = ints_argument(kwargs, "x", 4, 0), y = ints_argument(kwargs, "y", 4, 0);
  plan::ConvQuery q{};
  q.batch = x[0];
  q.in_channels = x[1];
  q.in_height = x[2];
  q.in_width = x[3];
  q.out_channels = y[1];
  q.out_height = y[2];
  q.out_width = y[3];
  q.groups = int_argument(kwargs, "groups", 1);
  q.window = window_argument(kwargs);
  q.constant_weights = true;
  q.uniform_pixels = true;
  q.input_bytes = x[0] * x[1] * x[2] * x[3] * static_cast<int64_t>(sizeof(float));
  q.thresholded = int_argument(kwargs, "thresholded", 0) != 0;
  q.density = float_argument(kwargs, "density", 1);
  q.block_outputs = static_cast<int>(int_argument(kwargs, "block_outputs", 0));
  const std::string forced = string_argument(kwargs, "forced", "");
  const plan::Machine machine = machine_of(isa_argument(kwargs));
  Best nhwc = best_of(plan::conv_candidates(q, machine), forced);
  Best planar = best_of(plan::planar_candidates(q, machine), forced);
  if (nhwc.forced) planar = Best();
  if (planar.forced) nhwc = Best();
  return py::make_tuple(nhwc.cycles, planar.cycles);
}

py::tuple pool_cycles(const py::kwargs& kwargs) {
  const auto x = ints_argument(kwargs, "x", 4, 0), y = ints_argument(kwargs, "y", 4, 0);
  const plan::PoolCycles cycles = plan::pool_cycles(
      {x[0], x[1], x[3], y[2], y[3], window_argument(kwargs)}, machine_of(isa_argument(kwargs)));
  return py::make_tuple(cycles.nhwc, cycles.planar);
}

}  // namespace

void bind_choose(py::module_& module) {
  module.def("conv_cycles", &conv_cycles);
  module.def("pool_cycles", &pool_cycles);
  module.def(
      "layout_cycles",
      [](int64_t bytes, const std::optional<std::string>& isa) {
        return plan::layout_cycles(static_cast<double>(bytes), machine_of(isa));
      },
      py::arg("bytes"), py::arg("isa") = py::none());
}

}  // namespace fi::bindings
