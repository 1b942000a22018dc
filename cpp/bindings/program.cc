#include "bindings/program.h"

#include <pybind11/stl.h>

#include "base/error.h"

namespace fi::bindings {
namespace {

[[noreturn]] void malformed(const std::string& reason) {
  throw Error(ErrorKind::internal, "malformed program: " + reason);
}

template <class T>
T field(const py::handle& record, const char* name) {
  try {
    return record.attr(name).cast<T>();
  } catch (const py::cast_error&) {
    malformed(std::string(name) + " has the wrong type or is out of range");
  } catch (const py::error_already_set&) {
    malformed(std::string(name) + " is missing");
  }
}

DType dtype_field(const py::handle& record) {
  DType dtype;
  const auto name = field<std::string>(field<py::object>(record, "dtype"), "value");
  if (!dtype_from_name(name.c_str(), &dtype)) malformed("unknown type " + name);
  return dtype;
}

plan::Tensor tensor_of(const py::handle& record) {
  plan::Tensor tensor;
  tensor.name = field<std::string>(record, "name");
  tensor.dtype = dtype_field(record);
  const auto layout = field<std::string>(record, "layout");
  if (layout != "nhwc" && layout != "plain") malformed("unknown layout " + layout);
  tensor.layout = layout == "nhwc" ? plan::Layout::nhwc : plan::Layout::plain;
  const auto shape = field<std::vector<int64_t>>(record, "shape");
  const auto strides = field<std::vector<int64_t>>(record, "strides");
  if (shape.size() != strides.size() || shape.size() > kMaxRank) {
    malformed("the rank of " + tensor.name + " is over 8, or shape and strides differ in length");
  }
  tensor.rank = static_cast<int>(shape.size());
  std::copy(shape.begin(), shape.end(), tensor.shape);
  std::copy(strides.begin(), strides.end(), tensor.stride);
  tensor.offset = field<int64_t>(record, "offset");
  tensor.buffer = field<int>(record, "buffer");
  return tensor;
}

plan::BufferKind kind_of(const std::string& kind) {
  if (kind == "arena") return plan::BufferKind::arena;
  if (kind == "input") return plan::BufferKind::input;
  if (kind == "output") return plan::BufferKind::output;
  if (kind == "constant") return plan::BufferKind::constant;
  malformed("unknown kind of buffer " + kind);
}

plan::Buffer buffer_of(const py::handle& record, ModelWeights& weights) {
  plan::Buffer buffer;
  buffer.kind = kind_of(field<std::string>(record, "kind"));
  buffer.bytes = field<int64_t>(record, "bytes");
  buffer.index = field<int>(record, "index");
  const auto weight = field<py::object>(record, "weight");
  if (!weight.is_none()) buffer.weight = weights.get(weight);
  return buffer;
}

// A list of numbers is one of integers if all of them are.
plan::Attribute list_attribute(const std::string& name, const py::handle& list) {
  try {
    bool whole = true;
    for (const py::handle item : list) whole = whole && py::isinstance<py::int_>(item);
    if (whole) return list.cast<std::vector<int64_t>>();
    return list.cast<std::vector<double>>();
  } catch (const py::cast_error&) {
    malformed("attribute " + name + " holds something else than numbers");
  }
}

plan::Attribute attribute_of(const std::string& name, const py::handle& value) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>();
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  if (py::isinstance<py::float_>(value)) return value.cast<double>();
  if (py::isinstance<py::list>(value) || py::isinstance<py::tuple>(value)) {
    return list_attribute(name, value);
  }
  try {
    return value.cast<int64_t>();
  } catch (const py::cast_error&) {
    malformed("attribute " + name + " has the wrong type");
  }
}

plan::Step step_of(const py::handle& record, ModelWeights& weights) {
  plan::Step step;
  step.op = field<std::string>(record, "op");
  step.name = field<std::string>(record, "name");
  step.inputs = field<std::vector<int>>(record, "inputs");
  step.outputs = field<std::vector<int>>(record, "outputs");
  for (const py::handle weight : field<py::list>(record, "weights")) {
    const auto object = py::reinterpret_borrow<py::object>(weight);
    step.weights.push_back(object.is_none() ? nullptr : weights.get(object));
  }
  for (const auto& [key, value] : field<py::dict>(record, "attributes")) {
    if (!py::isinstance<py::str>(key)) malformed("an attribute's name is not a string");
    const auto name = key.cast<std::string>();
    step.attributes[name] = attribute_of(name, value);
  }
  return step;
}

}  // namespace

plan::Program program_of(const py::object& program, ModelWeights& weights) {
  plan::Program out;
  for (const py::handle tensor : field<py::list>(program, "tensors")) {
    out.tensors.push_back(tensor_of(tensor));
  }
  for (const py::handle buffer : field<py::list>(program, "buffers")) {
    out.buffers.push_back(buffer_of(buffer, weights));
  }
  for (const py::handle step : field<py::list>(program, "steps")) {
    out.steps.push_back(step_of(step, weights));
  }
  for (const py::handle group : field<py::list>(program, "groups")) {
    out.groups.push_back(
        {field<std::vector<int>>(group, "steps"), field<int64_t>(group, "stripe_rows")});
  }
  return out;
}

}  // namespace fi::bindings
