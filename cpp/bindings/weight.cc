// Weight objects of Python as plan::Weight.
#include <pybind11/numpy.h>

#include <atomic>

#include "base/error.h"
#include "bindings/program.h"

namespace fi::bindings {
namespace {

std::atomic<uint64_t> next_id{1};

[[noreturn]] void malformed(const std::string& reason) {
  throw Error(ErrorKind::value, "malformed weight: " + reason);
}

// Python objects that C++ keeps; they may die on a thread that does not hold the interpreter's
// lock.
std::shared_ptr<const void> kept(py::object object) {
  auto* held = new py::object(std::move(object));
  return {static_cast<const void*>(held), [](const void* pointer) {
            if (!Py_IsInitialized()) return;
            py::gil_scoped_acquire lock;
            delete static_cast<const py::object*>(pointer);
          }};
}

// The array's elements in row-major order; `keep` receives what owns them.
plan::Span row_major(const py::object& object, const char* name, py::list& keep) {
  if (!py::isinstance<py::array>(object)) malformed(std::string(name) + " is not an array");
  const py::array array = py::array::ensure(object, py::array::c_style);
  if (!array) {
    PyErr_Clear();
    malformed(std::string(name) + " cannot be read");
  }
  keep.append(array);
  return {array.data(), static_cast<int64_t>(array.nbytes())};
}

template <class T>
void need_type(const py::object& array, const char* name) {
  if (!py::isinstance<py::array_t<T>>(array)) malformed(std::string(name) + " has the wrong type");
}

DType dtype_of(const py::object& weight) {
  DType dtype;
  const std::string name = weight.attr("dtype").attr("value").cast<std::string>();
  if (!dtype_from_name(name.c_str(), &dtype)) malformed("unknown type " + name);
  return dtype;
}

void read_dense(const py::object& weight, py::list& keep, plan::Weight* out) {
  const py::object array = weight.attr("array");
  out->dtype = dtype_of(weight);
  out->values = row_major(array, "array", keep);
  if (array.attr("itemsize").cast<int64_t>() * 8 != bit_width(out->dtype)) {
    malformed("elements of the wrong size");
  }
}

void read_sparse_codebook(const py::object& weight, py::list& keep, plan::Weight* out) {
  const py::object codebook = weight.attr("codebook"), codes = weight.attr("codes"),
                   gaps = weight.attr("gaps");
  need_type<float>(codebook, "codebook");
  need_type<uint8_t>(codes, "codes");
  need_type<uint8_t>(gaps, "gaps");
  out->form = plan::WeightForm::sparse_codebook;
  out->values = row_major(codebook, "codebook", keep);
  out->codes = row_major(codes, "codes", keep);
  out->gaps = row_major(gaps, "gaps", keep);
  if (out->gaps.bytes < (out->codes.bytes + 1) / 2) malformed("fewer gaps than codes");
}

std::shared_ptr<const plan::Weight> read(const py::object& object) {
  auto weight = std::make_shared<plan::Weight>();
  py::list keep;
  keep.append(object);
  const std::string form = object.attr("form").cast<std::string>();
  if (form == "dense") {
    read_dense(object, keep, weight.get());
  } else if (form == "sparse_codebook") {
    read_sparse_codebook(object, keep, weight.get());
  } else {
    malformed("unknown form " + form);
  }
  for (const py::handle size : object.attr("shape")) weight->shape.push_back(size.cast<int64_t>());
  int64_t count = 1;
  for (const int64_t size : weight->shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count)) malformed("its size overflows");
  }
  if (weight->form == plan::WeightForm::dense &&
      byte_size(weight->dtype, count) != weight->values.bytes) {
    malformed("the array does not have its shape");
  }
  weight->id = next_id++;
  weight->owner = kept(std::move(keep));
  return weight;
}

}  // namespace

plan::WeightPtr ModelWeights::get(const py::object& weight) {
  std::weak_ptr<const plan::Weight>& known = known_[weight.ptr()];
  if (plan::WeightPtr alive = known.lock()) return alive;
  try {
    plan::WeightPtr made = read(weight);
    known = made;
    return made;
  } catch (const py::error_already_set& error) {
    malformed(error.what());
  } catch (const py::cast_error&) {
    malformed("a member has the wrong type");
  }
}

}  // namespace fi::bindings
