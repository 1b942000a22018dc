// fastinfer._core: every file of this folder adds what it binds.
#include <pybind11/pybind11.h>

#include "bindings.inc"

namespace py = pybind11;

namespace fi::bindings {
#define FI_DECLARE(name) void bind_##name(py::module_& module);
FI_BINDINGS(FI_DECLARE)
#undef FI_DECLARE
}  // namespace fi::bindings

PYBIND11_MODULE(_core, module) {
  module.doc() = "The C++ core of fastinfer.";
#define FI_BIND(name) fi::bindings::bind_##name(module);
  FI_BINDINGS(FI_BIND)
#undef FI_BIND
}
