// The softmax room, callable from Python: x and y (written) float32 of any strides, axis. The
// reference takes the same and log=; it returns float64.
#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "kernels/softmax/softmax.h"

namespace fi::bindings {
namespace run_softmax {
namespace {

int axis_of(const py::kwargs& kwargs, int rank) {
  const int axis = static_cast<int>(int_argument(kwargs, "axis", -1));
  return axis < 0 ? axis + rank : axis;
}

py::object run(const softmax::Kernel& kernel, const py::kwargs& kwargs) {
  argument(kwargs, "x");
  const TensorView x = view_of(array_argument<float>(kwargs, "x"));
  const TensorView y = view_of(array_argument<float>(kwargs, "y"));
  const softmax::Loop loop = softmax::prepare(kernel, x, y, axis_of(kwargs, x.rank));
  for (int64_t task = loop.tasks; task-- > 0;) {
    softmax::run(loop, static_cast<const float*>(x.data), static_cast<float*>(y.data), task,
                 task + 1);
  }
  return argument(kwargs, "y");
}

py::object run_reference(const py::kwargs& kwargs) {
  using Doubles = py::array_t<double, py::array::c_style | py::array::forcecast>;
  const py::module_ numpy = py::module_::import("numpy");
  const py::object x = argument(kwargs, "x");
  const int axis = axis_of(kwargs, static_cast<int>(x.attr("ndim").cast<int>()));
  const Doubles last = Doubles::ensure(numpy.attr("moveaxis")(x, axis, -1));
  Doubles y(std::vector<py::ssize_t>(last.shape(), last.shape() + last.ndim()));
  const int64_t n = last.shape(last.ndim() - 1);
  const bool log = int_argument(kwargs, "log", 0) != 0;
  for (int64_t at = 0; at < last.size(); at += n) {
    softmax::reference(log, last.data() + at, y.mutable_data() + at, n);
  }
  return numpy.attr("moveaxis")(y, -1, axis);
}

py::dict extras_of(const softmax::Kernel& kernel) {
  py::dict extras;
  extras["log"] = kernel.log;
  return extras;
}

}  // namespace
}  // namespace run_softmax

void bind_run_softmax(py::module_&) {
  using namespace run_softmax;
  register_rows(softmax::table(), &run, &extras_of);
  register_reference("softmax", run_reference);
}

}  // namespace fi::bindings
