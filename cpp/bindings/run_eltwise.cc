// The element-wise room, callable from Python over float32 arrays of any strides:
//   unary   x, y (written), alpha, beta
//   binary  a, b (broadcast to y's shape by stride 0), y (written), activation
// The reference takes the same and function= (the row's), form= "unary" or "binary"; it returns
// float64.
#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "cpu/features.h"
#include "kernels/eltwise/eltwise.h"

namespace fi::bindings {
namespace run_eltwise {
namespace {

float* data_of(const TensorView& view) { return static_cast<float*>(view.data); }

TensorView view_argument(const py::kwargs& kwargs, const char* name) {
  argument(kwargs, name);
  return view_of(array_argument<float>(kwargs, name));
}

py::object run_unary(const eltwise::UnaryKernel& kernel, const py::kwargs& kwargs) {
  const TensorView x = view_argument(kwargs, "x"), y = view_argument(kwargs, "y");
  const auto loop =
      eltwise::prepare_unary(kernel, x, y, static_cast<float>(float_argument(kwargs, "alpha", 0)),
                             static_cast<float>(float_argument(kwargs, "beta", 0)));
  for (int64_t task = loop.nest.tasks; task-- > 0;) {
    eltwise::run(loop, data_of(x), data_of(y), task, task + 1);
  }
  return argument(kwargs, "y");
}

py::object run_binary(const eltwise::BinaryKernel& kernel, const py::kwargs& kwargs) {
  const TensorView a = view_argument(kwargs, "a"), b = view_argument(kwargs, "b");
  const TensorView y = view_argument(kwargs, "y");
  const auto loop = eltwise::prepare_binary(kernel, info_of(kernel.info.tier).required, a, b, y,
                                            activation_argument(kwargs));
  for (int64_t task = loop.nest.tasks; task-- > 0;) {
    eltwise::run(loop, data_of(a), data_of(b), data_of(y), task, task + 1);
  }
  return argument(kwargs, "y");
}

using Doubles = py::array_t<double>;

py::object reference_unary(const std::string& name, const py::kwargs& kwargs) {
  eltwise::Unary function;
  if (!eltwise::unary_from_name(name.c_str(), &function)) {
    throw Error(ErrorKind::attribute, "there is no function '" + name + "'");
  }
  const Doubles x = double_argument(kwargs, "x");
  Doubles y(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
  const double alpha = float_argument(kwargs, "alpha", 0), beta = float_argument(kwargs, "beta", 0);
  for (py::ssize_t i = 0; i < x.size(); ++i) {
    y.mutable_data()[i] = eltwise::reference(function, x.data()[i], alpha, beta);
  }
  return y;
}

py::object reference_binary(const std::string& name, const py::kwargs& kwargs) {
  eltwise::Binary function;
  if (!eltwise::binary_from_name(name.c_str(), &function)) {
    throw Error(ErrorKind::attribute, "there is no function '" + name + "'");
  }
  const Doubles a = double_argument(kwargs, "a"), b = double_argument(kwargs, "b");
  if (a.size() != b.size()) throw Error(ErrorKind::shape, "operands differ in shape");
  const Activation activation = activation_argument(kwargs);
  Doubles y(std::vector<py::ssize_t>(a.shape(), a.shape() + a.ndim()));
  for (py::ssize_t i = 0; i < a.size(); ++i) {
    const double value = eltwise::reference(function, a.data()[i], b.data()[i]);
    y.mutable_data()[i] = reference_activation(activation, value);
  }
  return y;
}

py::object run_reference(const py::kwargs& kwargs) {
  const std::string name = string_argument(kwargs, "function", "");
  return string_argument(kwargs, "form", "") == "unary" ? reference_unary(name, kwargs)
                                                        : reference_binary(name, kwargs);
}

template <class Row>
py::dict extras_of(const Row& row, const char* form) {
  py::dict extras;
  extras["form"] = form;
  extras["function"] = eltwise::name_of(row.function);
  return extras;
}

}  // namespace
}  // namespace run_eltwise

void bind_run_eltwise(py::module_&) {
  using namespace run_eltwise;
  register_rows(eltwise::unary_table(), &run_unary,
                [](const eltwise::UnaryKernel& row) { return extras_of(row, "unary"); });
  register_rows(eltwise::binary_table(), &run_binary,
                [](const eltwise::BinaryKernel& row) { return extras_of(row, "binary"); });
  register_reference("eltwise", run_reference);
}

}  // namespace fi::bindings
