// Every row of every room's kernel table, callable alone from Python: _core.kernels(),
// run_kernel(), run_reference().
//
// A room's file run_<room>.cc registers its rows in bind_run_<room>:
//
//   register_rows(gemm::table(), &run, &extras_of);  // py::object run(const Kernel&, const
//   kwargs&) register_reference("gemm", &reference);          // ref.cc, float64
//
// Both take the same keyword arguments; a run checks shapes and types (fi::Error), then calls
// exactly that kernel over NumPy arrays. extras_of(kernel) are the row's further properties (mr,
// nr, kr, forms, ...) as a dict.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <functional>
#include <string>
#include <vector>

#include "base/activation.h"
#include "base/view.h"
#include "kernels/kernel.h"

namespace py = pybind11;

namespace fi::bindings {

using RunFn = std::function<py::object(const py::kwargs&)>;

void register_kernel(const KernelInfo& info, const py::dict& extras, RunFn run);
void register_reference(const std::string& family, RunFn run);

/// Every row of a room's table: run(row, kwargs), described by extras(row).
template <class Table, class Run, class Extras>
void register_rows(const Table& table, Run run, Extras extras) {
  for (int i = 0; i < table.count; ++i) {
    const auto* row = table.rows[i];
    register_kernel(row->info, extras(*row),
                    [row, run](const py::kwargs& kwargs) { return run(*row, kwargs); });
  }
}

/// kwargs[name]; throws Error of kind value if it is missing, or cannot be cast.
py::object argument(const py::kwargs& kwargs, const char* name);
/// kwargs[name], or None.
py::object optional_argument(const py::kwargs& kwargs, const char* name);
int64_t int_argument(const py::kwargs& kwargs, const char* name, int64_t fallback);
double float_argument(const py::kwargs& kwargs, const char* name, double fallback);
std::string string_argument(const py::kwargs& kwargs, const char* name, const char* fallback);

/// kwargs[name], `count` integers; all of them `fallback` if it is absent.
std::vector<int64_t> ints_argument(const py::kwargs& kwargs, const char* name, size_t count,
                                   int64_t fallback);
/// kwargs[name] as a C-contiguous float64 copy, for the references.
py::array_t<double> double_argument(const py::kwargs& kwargs, const char* name);

/// From activation="clamp", activation_alpha=0.0, activation_beta=6.0; none if absent.
Activation activation_argument(const py::kwargs& kwargs);

/// kwargs[name] as an array of dtype T, in its own strides and never copied: tests put arrays at
/// the end of a page. Throws Error of kind dtype or shape if it has another type or not `rank` axes
/// (rank -1: any). An empty array (data() null) if the argument is absent or None.
template <class T>
py::array_t<T> array_argument(const py::kwargs& kwargs, const char* name, int rank = -1);

/// A strided view of an array, in elements; throws Error if the core has no such dtype or rank.
TensorView view_of(const py::array& array);

[[noreturn]] void raise_dtype(const char* name, const py::handle& array);
[[noreturn]] void raise_rank(const char* name, int64_t is, int wanted);

template <class T>
py::array_t<T> array_argument(const py::kwargs& kwargs, const char* name, int rank) {
  const py::object object = optional_argument(kwargs, name);
  if (object.is_none()) return py::array_t<T>(0);
  if (!py::isinstance<py::array_t<T>>(object)) raise_dtype(name, object);
  const auto array = py::reinterpret_borrow<py::array_t<T>>(object);
  if (rank >= 0 && array.ndim() != rank) raise_rank(name, array.ndim(), rank);
  return array;
}

}  // namespace fi::bindings
