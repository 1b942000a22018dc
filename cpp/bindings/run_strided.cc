// The rows of the strided room. Each takes its operands by name as NumPy arrays of any strides and
// writes the outputs in place. Further arguments of all rows: `split` runs task after task, last
// first; `bf16` names u16 arrays that hold bf16.
#include <pybind11/stl.h>

#include <vector>

#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "kernels/strided/strided.h"

namespace fi::bindings {
namespace run_strided {
namespace {

using strided::OperationPtr;
using strided::Pointers;
using strided::Scalar;

py::array array_of(const py::kwargs& kwargs, const char* name) {
  const py::object object = argument(kwargs, name);
  if (!py::isinstance<py::array>(object)) {
    throw Error(ErrorKind::value, std::string(name) + " must be an array");
  }
  return py::reinterpret_borrow<py::array>(object);
}

TensorView input(const py::kwargs& kwargs, const char* name) {
  TensorView view = view_of(array_of(kwargs, name));
  const py::object bf16 = optional_argument(kwargs, "bf16");
  if (!bf16.is_none() && bf16.contains(name) && view.dtype == DType::u16) view.dtype = DType::bf16;
  return view;
}

TensorView output(const py::kwargs& kwargs, const char* name) {
  if (!array_of(kwargs, name).writeable()) {
    throw Error(ErrorKind::value, std::string(name) + " cannot be written to");
  }
  return input(kwargs, name);
}

int axis_of(const py::kwargs& kwargs) { return static_cast<int>(int_argument(kwargs, "axis", 0)); }

bool flag(const py::kwargs& kwargs, const char* name) { return int_argument(kwargs, name, 0) != 0; }

std::vector<int64_t> list(const py::kwargs& kwargs, const char* name) {
  return argument(kwargs, name).cast<std::vector<int64_t>>();
}

/// Floats are reals, anything else an integer.
Scalar scalar(const py::kwargs& kwargs, const char* name) {
  const py::object value = optional_argument(kwargs, name);
  if (value.is_none()) return {};
  return py::isinstance<py::float_>(value) ? Scalar::of(value.cast<double>())
                                           : Scalar::of(value.cast<int64_t>());
}

/// Operands in Pointers' order, for one run.
struct Call {
  std::vector<TensorView> in, out;
  OperationPtr operation;
};

py::object run(const Call& call, const py::kwargs& kwargs) {
  Pointers at;
  for (size_t i = 0; i < call.in.size(); ++i) at.in[i] = call.in[i].data;
  for (size_t i = 0; i < call.out.size(); ++i) at.out[i] = call.out[i].data;
  std::vector<std::max_align_t> scratch(call.operation->scratch_bytes() / sizeof(std::max_align_t) +
                                        1);
  const int64_t tasks = call.operation->tasks();
  bool inside = true;
  if (flag(kwargs, "split")) {
    for (int64_t t = tasks; t-- > 0;) inside &= call.operation->run(at, t, t + 1, scratch.data());
  } else {
    inside = call.operation->run(at, 0, tasks, scratch.data());
  }
  if (!inside) throw Error(ErrorKind::value, "index out of range");
  return py::none();
}

using Make = Call (*)(const py::kwargs&);

Call unary_call(const TensorView& x, const TensorView& y, OperationPtr operation) {
  return {{x}, {y}, std::move(operation)};
}

Call copy(const py::kwargs& k) {
  const TensorView x = input(k, "x"), y = output(k, "y");
  return unary_call(x, y, strided::make_copy(x, y));
}

Call fill(const py::kwargs& k) {
  const TensorView y = output(k, "y");
  return {{}, {y}, strided::make_fill(y, scalar(k, "value"))};
}

Call where(const py::kwargs& k) {
  const TensorView c = input(k, "condition"), a = input(k, "a"), b = input(k, "b"),
                   y = output(k, "y");
  return {{c, a, b}, {y}, strided::make_where(c, a, b, y)};
}

Call trilu(const py::kwargs& k) {
  const TensorView x = input(k, "x"), y = output(k, "y");
  return unary_call(x, y, strided::make_trilu(x, y, int_argument(k, "k", 0), flag(k, "upper")));
}

Call pad(const py::kwargs& k) {
  const TensorView x = input(k, "x"), y = output(k, "y");
  const std::string mode = string_argument(k, "mode", "constant");
  return unary_call(x, y, strided::make_pad(x, y, mode, list(k, "pads"), scalar(k, "value")));
}

Call unary(const py::kwargs& k) {
  const TensorView x = input(k, "x"), y = output(k, "y");
  const std::string function = string_argument(k, "function", "");
  return unary_call(x, y,
                    strided::make_unary(x, y, function, float_argument(k, "alpha", 0),
                                        float_argument(k, "beta", 0)));
}

Call binary(const py::kwargs& k) {
  const TensorView a = input(k, "a"), b = input(k, "b"), y = output(k, "y");
  return {{a, b}, {y}, strided::make_binary(a, b, y, string_argument(k, "function", ""))};
}

Call reduce(const py::kwargs& k) {
  const TensorView x = input(k, "x"), y = output(k, "y");
  return unary_call(x, y, strided::make_reduce(x, y, string_argument(k, "function", "")));
}

Call arg_reduce(const py::kwargs& k) {
  const TensorView x = input(k, "x"), y = output(k, "y");
  return unary_call(
      x, y, strided::make_arg_reduce(x, y, flag(k, "largest"), axis_of(k), flag(k, "select_last")));
}

Call cumsum(const py::kwargs& k) {
  const TensorView x = input(k, "x"), y = output(k, "y");
  return unary_call(
      x, y, strided::make_cumsum(x, y, axis_of(k), flag(k, "exclusive"), flag(k, "reverse")));
}

Call gather(const py::kwargs& k) {
  const TensorView x = input(k, "data"), i = input(k, "indices"), y = output(k, "y");
  return {{x, i}, {y}, strided::make_gather(x, i, y, axis_of(k))};
}

Call gather_elements(const py::kwargs& k) {
  const TensorView x = input(k, "data"), i = input(k, "indices"), y = output(k, "y");
  return {{x, i}, {y}, strided::make_gather_elements(x, i, y, axis_of(k))};
}

Call gather_nd(const py::kwargs& k) {
  const TensorView x = input(k, "data"), i = input(k, "indices"), y = output(k, "y");
  const int batch_dims = static_cast<int>(int_argument(k, "batch_dims", 0));
  return {{x, i}, {y}, strided::make_gather_nd(x, i, y, batch_dims)};
}

Call scatter_elements(const py::kwargs& k) {
  const TensorView x = input(k, "data"), i = input(k, "indices"), u = input(k, "updates"),
                   y = output(k, "y");
  const std::string reduction = string_argument(k, "reduction", "none");
  return {{x, i, u}, {y}, strided::make_scatter_elements(x, i, u, y, axis_of(k), reduction)};
}

Call scatter_nd(const py::kwargs& k) {
  const TensorView x = input(k, "data"), i = input(k, "indices"), u = input(k, "updates"),
                   y = output(k, "y");
  const std::string reduction = string_argument(k, "reduction", "none");
  return {{x, i, u}, {y}, strided::make_scatter_nd(x, i, u, y, reduction)};
}

Call one_hot(const py::kwargs& k) {
  const TensorView i = input(k, "indices"), v = input(k, "values"), y = output(k, "y");
  return {{i, v}, {y}, strided::make_one_hot(i, v, y, axis_of(k))};
}

Call topk(const py::kwargs& k) {
  const TensorView x = input(k, "x"), v = output(k, "values"), i = output(k, "indices");
  return {{x}, {v, i}, strided::make_topk(x, v, i, axis_of(k), flag(k, "largest"))};
}

Call pool_nd(const py::kwargs& k) {
  const TensorView x = input(k, "x"), y = output(k, "y");
  strided::PoolNd a;
  a.kernel = list(k, "kernel");
  a.strides = list(k, "strides");
  a.dilations = list(k, "dilations");
  const std::vector<int64_t> pads = list(k, "pads");
  a.pads_begin.assign(pads.begin(), pads.begin() + static_cast<int64_t>(pads.size() / 2));
  a.pads_end.assign(pads.begin() + static_cast<int64_t>(pads.size() / 2), pads.end());
  a.count_include_pad = flag(k, "count_include_pad");
  a.p = static_cast<int>(int_argument(k, "p", 2));
  a.column_major = flag(k, "storage_order");
  const std::string kind = string_argument(k, "kind", "max");
  if (optional_argument(k, "indices").is_none()) {
    return unary_call(x, y, strided::make_pool_nd(x, y, nullptr, kind, a));
  }
  const TensorView i = output(k, "indices");
  return {{x}, {y, i}, strided::make_pool_nd(x, y, &i, kind, a)};
}

/// In the table's order.
constexpr Make kMakes[] = {copy,       fill,
                           where,      trilu,
                           pad,        unary,
                           binary,     reduce,
                           arg_reduce, cumsum,
                           gather,     gather_elements,
                           gather_nd,  scatter_elements,
                           scatter_nd, one_hot,
                           topk,       pool_nd};

}  // namespace
}  // namespace run_strided

void bind_run_strided(py::module_&) {
  using namespace run_strided;
  const strided::Table table = strided::table();
  static_assert(sizeof kMakes / sizeof kMakes[0] == 18);
  for (int i = 0; i < table.count; ++i) {
    const Make make = kMakes[i];
    register_kernel(table.rows[i], py::dict(),
                    [make](const py::kwargs& kwargs) { return run(make(kwargs), kwargs); });
  }
}

}  // namespace fi::bindings
