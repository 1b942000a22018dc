// Operators whose output size depends on data: run_dynamic(op, arrays, attributes) -> arrays.
#include <pybind11/stl.h>

#include <memory>
#include <vector>

#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "kernels/strided/dynamic.h"

namespace fi::bindings {
namespace dynamic {
namespace {

using strided::DynamicArray;

py::dtype numpy_dtype(DType t) {
  const std::string name = name_of(t);
  if (t == DType::boolean) return py::dtype::of<bool>();
  const char* kind = name[0] == 's' ? "i" : name[0] == 'u' ? "u" : "f";
  return py::dtype(kind + std::to_string(bit_width(t) / 8));
}

/// A NumPy array that owns the result's memory.
py::array to_numpy(DynamicArray result) {
  auto owner = std::make_unique<DynamicArray>(std::move(result));
  DynamicArray* array = owner.get();
  const py::capsule capsule(owner.release(), [](void* p) { delete static_cast<DynamicArray*>(p); });
  return py::array(numpy_dtype(array->dtype), array->shape, array->bytes.data(), capsule);
}

void require_count(const std::vector<TensorView>& inputs, size_t count, const std::string& op) {
  if (inputs.size() != count)
    throw Error(ErrorKind::value, op + " takes " + std::to_string(count) + " arrays");
}

DynamicArray compress(const std::vector<TensorView>& inputs, const py::kwargs& attributes) {
  const bool flat = optional_argument(attributes, "axis").is_none();
  return strided::compress(inputs[0], inputs[1],
                           static_cast<int>(int_argument(attributes, "axis", 0)), flat);
}

DynamicArray non_max_suppression(const std::vector<TensorView>& inputs,
                                 const py::kwargs& attributes) {
  strided::NonMaxSuppression a;
  a.center_point_box = int_argument(attributes, "center_point_box", 0) != 0;
  a.max_output_boxes_per_class = int_argument(attributes, "max_output_boxes_per_class", 0);
  a.iou_threshold = static_cast<float>(float_argument(attributes, "iou_threshold", 0));
  a.has_score_threshold = !optional_argument(attributes, "score_threshold").is_none();
  a.score_threshold = static_cast<float>(float_argument(attributes, "score_threshold", 0));
  return strided::non_max_suppression(inputs[0], inputs[1], a);
}

DynamicArray run(const std::string& op, const std::vector<TensorView>& inputs,
                 const py::kwargs& attributes) {
  if (op == "nonzero") {
    require_count(inputs, 1, op);
    return strided::nonzero(inputs[0]);
  }
  require_count(inputs, 2, op);
  if (op == "compress") return compress(inputs, attributes);
  if (op == "non_max_suppression") return non_max_suppression(inputs, attributes);
  throw Error(ErrorKind::unsupported, "there is no dynamic operator '" + op + "'");
}

py::list run_dynamic(const std::string& op, const std::vector<py::array>& arrays,
                     const py::dict& attributes) {
  std::vector<TensorView> inputs;
  for (const py::array& array : arrays) inputs.push_back(view_of(array));
  py::list results;
  results.append(to_numpy(run(op, inputs, py::kwargs(attributes))));
  return results;
}

}  // namespace
}  // namespace dynamic

void bind_run_dynamic(py::module_& module) {
  using namespace dynamic;
  module.def("run_dynamic", &run_dynamic, py::arg("op"), py::arg("arrays"), py::arg("attributes"),
             "Runs an operator whose output size depends on data: nonzero; compress (axis, or none "
             "for flat); "
             "non_max_suppression (center_point_box, max_output_boxes_per_class, iou_threshold, "
             "score_threshold).");
}

}  // namespace fi::bindings
