// fi::Error becomes _core.CoreError: args (kind, node, tensor, reason), and attributes of those
// names. node and tensor are
// "" where they do not apply.
#include <pybind11/pybind11.h>

#include "base/error.h"

namespace py = pybind11;

namespace fi::bindings {
namespace {

PyObject* core_error = nullptr;  // lives as long as the interpreter

void raise(const Error& error) {
  const py::str kind(name_of(error.kind())), node(error.node()), tensor(error.tensor()),
      reason(error.what());
  const py::object value =
      py::reinterpret_borrow<py::object>(core_error)(kind, node, tensor, reason);
  value.attr("kind") = kind;
  value.attr("node") = node;
  value.attr("tensor") = tensor;
  value.attr("reason") = reason;
  PyErr_SetObject(core_error, value.ptr());
}

}  // namespace

void bind_errors(py::module_& module) {
  core_error = PyErr_NewExceptionWithDoc("fastinfer._core.CoreError",
                                         "An error of the core: (kind, node, tensor, reason).",
                                         PyExc_Exception, nullptr);
  if (!core_error) throw py::error_already_set();
  module.add_object("CoreError", py::reinterpret_borrow<py::object>(core_error));
  py::register_local_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      raise(error);
    }
  });
}

}  // namespace fi::bindings
