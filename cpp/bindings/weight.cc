// Weight objects of Python as plan::Weight.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <atomic>

#include "base/error.h"
#include "bindings/program.h"

namespace fi::bindings {
namespace {

std::atomic<uint64_t> next_id{1};

[[noreturn]] void malformed_weight(const std::string& reason) {
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
  if (!py::isinstance<py::array>(object)) malformed_weight(std::string(name) + " is not an array");
  const py::array array = py::array::ensure(object, py::array::c_style);
  if (!array) {
    PyErr_Clear();
    malformed_weight(std::string(name) + " cannot be read");
  }
  keep.append(array);
  return {array.data(), static_cast<int64_t>(array.nbytes())};
}

template <class T>
void need_type(const py::object& array, const char* name) {
  if (!py::isinstance<py::array_t<T>>(array))
    malformed_weight(std::string(name) + " has the wrong type");
}

DType dtype_of(const py::object& weight) {
  DType dtype;
  const std::string name = weight.attr("dtype").attr("value").cast<std::string>();
  if (!dtype_from_name(name.c_str(), &dtype)) malformed_weight("unknown type " + name);
  return dtype;
}

void read_dense(const py::object& weight, py::list& keep, plan::Weight* out) {
  const py::object array = weight.attr("array");
  out->dtype = dtype_of(weight);
  out->values = row_major(array, "array", keep);
  if (array.attr("itemsize").cast<int64_t>() * 8 != bit_width(out->dtype)) {
    malformed_weight("elements of the wrong size");
  }
}

template <class T>
plan::Span part(const py::object& weight, const char* name, py::list& keep) {
  const py::object array = weight.attr(name);
  need_type<T>(array, name);
  return row_major(array, name, keep);
}

int bits_of(const py::object& weight, const char* name, int most = 8) {
  const int bits = weight.attr(name).cast<int>();
  if (bits < 1 || bits > most) malformed_weight(std::string(name) + " is out of range");
  return bits;
}

void need_packed(const plan::Span& span, int64_t count, int bits, const char* name) {
  if (count < 0 || count > INT64_MAX / 8 || span.bytes < (count * bits + 7) / 8) {
    malformed_weight(std::string("fewer ") + name + " than the count says");
  }
}

void read_codebook(const py::object& weight, py::list& keep, int64_t elements, plan::Weight* out) {
  out->form = plan::WeightForm::codebook;
  out->values = part<float>(weight, "codebook", keep);
  out->codes = part<uint8_t>(weight, "codes", keep);
  out->code_bits = bits_of(weight, "code_bits");
  out->count = elements;
  need_packed(out->codes, out->count, out->code_bits, "codes");
}

void read_sparse_codebook(const py::object& weight, py::list& keep, plan::Weight* out) {
  const auto count = weight.attr("count").cast<int64_t>();
  read_codebook(weight, keep, count, out);
  out->form = plan::WeightForm::sparse_codebook;
  out->gaps = part<uint8_t>(weight, "gaps", keep);
  out->index_bits = bits_of(weight, "index_bits");
  need_packed(out->gaps, out->count, out->index_bits, "gaps");
}

void read_rows(const py::object& weight, py::list& keep, plan::Weight* out) {
  if (out->shape.empty()) malformed_weight("a sparse matrix without rows");
  out->row_ptr = part<uint32_t>(weight, "row_ptr", keep);
  const bool narrow = py::isinstance<py::array_t<uint16_t>>(weight.attr("col_idx"));
  out->col_idx =
      narrow ? part<uint16_t>(weight, "col_idx", keep) : part<uint32_t>(weight, "col_idx", keep);
  out->index_bits = narrow ? 16 : 32;
  out->count = out->col_idx.bytes * 8 / out->index_bits;
  out->values = part<float>(weight, "values", keep);
  const int64_t size = out->block_rows * out->block_columns;
  if (out->values.bytes != 4 * size * out->count) malformed_weight("not as many values as columns");
  if (out->shape[0] % out->block_rows != 0 ||
      out->row_ptr.bytes != 4 * (out->shape[0] / out->block_rows + 1)) {
    malformed_weight("not as many row pointers as rows");
  }
}

void read_block_sparse(const py::object& weight, py::list& keep, plan::Weight* out) {
  out->form = plan::WeightForm::block_sparse;
  const auto block = weight.attr("block").cast<std::pair<int, int>>();
  if (block != std::pair(1, 4) && block != std::pair(4, 1)) malformed_weight("unknown block");
  out->block_rows = block.first;
  out->block_columns = block.second;
  read_rows(weight, keep, out);
}

void read_packed(const py::object& weight, const char* name, int bits, int64_t elements,
                 py::list& keep, plan::Weight* out) {
  out->values = part<uint8_t>(weight, name, keep);
  out->scale = part<float>(weight, "scale", keep);
  out->code_bits = bits;
  out->count = elements;
  need_packed(out->values, elements, bits, name);
  if (out->shape.empty() || out->scale.bytes / 4 != out->shape[0]) {
    malformed_weight("not as many scales as filters");
  }
}

void read_form(const std::string& form, const py::object& object, py::list& keep, int64_t elements,
               plan::Weight* out) {
  if (form == "dense") {
    read_dense(object, keep, out);
  } else if (form == "sparse_codebook") {
    read_sparse_codebook(object, keep, out);
  } else if (form == "codebook") {
    read_codebook(object, keep, elements, out);
  } else if (form == "csr") {
    out->form = plan::WeightForm::csr;
    read_rows(object, keep, out);
  } else if (form == "block_sparse") {
    read_block_sparse(object, keep, out);
  } else if (form == "bf16") {
    out->dtype = DType::bf16;
    out->values = part<uint16_t>(object, "bits", keep);
  } else if (form == "scaled") {
    out->form = plan::WeightForm::scaled;
    read_packed(object, "values", bits_of(object, "value_bits"), elements, keep, out);
  } else if (form == "bits") {
    out->form = plan::WeightForm::bits;
    read_packed(object, "bits", 1, elements, keep, out);
  } else {
    malformed_weight("unknown form " + form);
  }
}

std::shared_ptr<plan::Weight> read(const py::object& object) {
  auto weight = std::make_shared<plan::Weight>();
  py::list keep;
  keep.append(object);
  for (const py::handle size : object.attr("shape")) weight->shape.push_back(size.cast<int64_t>());
  int64_t count = 1;
  for (const int64_t size : weight->shape) {
    if (size < 0 || __builtin_mul_overflow(count, size, &count))
      malformed_weight("its size overflows");
  }
  read_form(object.attr("form").cast<std::string>(), object, keep, count, weight.get());
  if (weight->form == plan::WeightForm::dense &&
      byte_size(weight->dtype, count) != weight->values.bytes) {
    malformed_weight("the array does not have its shape");
  }
  weight->owner = kept(std::move(keep));
  return weight;
}

}  // namespace

plan::WeightPtr ModelWeights::get(const py::object& weight) {
  Known& known = known_[weight.ptr()];
  if (plan::WeightPtr alive = known.weight.lock()) return alive;
  try {
    const std::shared_ptr<plan::Weight> made = read(weight);
    made->identity = known.identity.lock();
    if (!made->identity) {
      made->identity = kept(weight);
      known.identity = made->identity;
      known.id = next_id++;
    }
    made->id = known.id;
    known.weight = made;
    return made;
  } catch (const py::error_already_set& error) {
    malformed_weight(error.what());
  } catch (const py::cast_error&) {
    malformed_weight("a member has the wrong type");
  }
}

}  // namespace fi::bindings
