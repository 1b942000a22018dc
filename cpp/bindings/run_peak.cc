// The peak loops: run_kernel(name, src=, n=) -> (value, dst), run_reference("peak", ...), and
// measure_peak().
#include <algorithm>

#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "cpu/features.h"
#include "kernels/peak/peak.h"

namespace fi::bindings {
namespace run_peak {
namespace {

py::array_t<float> source(const peak::Kernel& kernel, const py::kwargs& kwargs, int64_t n) {
  const auto src = array_argument<float>(kwargs, "src", 1);
  const bool fma = kernel.kind == peak::Kind::fma;
  if (n < 0 || (!fma && n % peak::kBlock != 0)) {
    throw Error(ErrorKind::value, "n must be a multiple of " + std::to_string(peak::kBlock));
  }
  if (src.size() < (fma ? 3 : n)) throw Error(ErrorKind::shape, "src has too few elements");
  if (src.size() > 1 && src.strides(0) != 4)
    throw Error(ErrorKind::shape, "src must be contiguous");
  return src;
}

py::object run(const peak::Kernel& kernel, const py::kwargs& kwargs) {
  const int64_t n = int_argument(kwargs, "n", 0);
  const auto src = source(kernel, kwargs, n);
  py::array_t<float> dst(kernel.kind == peak::Kind::copy ? n : 0);
  const float value = kernel.run(src.data(), dst.mutable_data(), n);
  return py::make_tuple(value, dst);
}

/// Of the kernel that `kernel` names: how much one round does depends on its registers.
py::object run_reference(const py::kwargs& kwargs) {
  const std::string name = string_argument(kwargs, "kernel", "");
  const peak::Table table = peak::table();
  for (int i = 0; i < table.count; ++i) {
    const peak::Kernel& kernel = *table.rows[i];
    if (name != kernel.info.name) continue;
    const int64_t n = int_argument(kwargs, "n", 0);
    return py::float_(peak::reference(kernel.kind, kernel, source(kernel, kwargs, n).data(), n));
  }
  throw Error(ErrorKind::value, "there is no kernel '" + name + "'");
}

double measure_peak(const std::string& kind_name, int threads, int64_t bytes,
                    const std::string& isa, double seconds) {
  peak::Kind kind;
  if (!peak::kind_from_name(kind_name.c_str(), &kind)) {
    throw Error(ErrorKind::value, "there is no peak loop '" + kind_name + "'");
  }
  if (threads < 1 || bytes < 0) throw Error(ErrorKind::value, "threads or bytes out of range");
  const peak::Kernel* kernel = peak::find(kind, cpu::usable_under(isa));
  const py::gil_scoped_release release;
  return peak::measure(*kernel, threads, bytes, seconds);
}

py::dict extras_of(const peak::Kernel& kernel) {
  py::dict extras;
  extras["kind"] = peak::name_of(kernel.kind);
  extras["units"] = kernel.units;
  return extras;
}

}  // namespace
}  // namespace run_peak

void bind_run_peak(py::module_& module) {
  using namespace run_peak;
  register_rows(peak::table(), &run, &extras_of);
  register_reference("peak", run_reference);
  module.def("measure_peak", &measure_peak, py::arg("kind"), py::arg("threads") = 1,
             py::arg("bytes") = 0, py::arg("isa") = "", py::arg("seconds") = 0.02,
             "The most that this machine does per second: MAC for kind 'fma'; bytes for 'read' and "
             "'copy' of a buffer of "
             "`bytes`. isa: the tier whose loop runs; '' stands for the best.");
}

}  // namespace fi::bindings
