#include "bindings/kernel_registry.h"

#include <map>
#include <vector>

#include "base/error.h"
#include "cpu/features.h"

namespace fi::bindings {
namespace {

struct Entry {
  KernelInfo info;
  py::dict extras;
  RunFn run;
};

/// Never destroyed: its Python objects must not outlive the interpreter's own clean-up.
struct Registry {
  std::vector<Entry> kernels;
  std::map<std::string, RunFn> references;
};

Registry& registry() {
  static Registry* const all = new Registry;
  return *all;
}

py::dict described(const Entry& entry) {
  py::dict row;
  row["name"] = entry.info.name;
  row["family"] = entry.info.family;
  row["tier"] = name_of(entry.info.tier);
  row["lhs"] = name_of(entry.info.lhs);
  row["rhs"] = name_of(entry.info.rhs);
  row["dst"] = name_of(entry.info.dst);
  row["usable"] = cpu::can_use(entry.info.tier, cpu::usable());
  for (const auto& item : entry.extras) row[item.first] = item.second;
  return row;
}

py::list kernels() {
  py::list rows;
  for (const Entry& entry : registry().kernels) rows.append(described(entry));
  return rows;
}

py::object run_kernel(const std::string& name, const py::kwargs& kwargs) {
  for (const Entry& entry : registry().kernels) {
    if (name != entry.info.name) continue;
    if (!cpu::can_use(entry.info.tier, cpu::usable())) {
      throw Error(ErrorKind::isa, name + " cannot be used here: " + cpu::why_not(entry.info.tier));
    }
    return entry.run(kwargs);
  }
  throw Error(ErrorKind::value, "there is no kernel '" + name + "'");
}

py::object run_reference_of(const std::string& family, const py::kwargs& kwargs) {
  const auto found = registry().references.find(family);
  if (found == registry().references.end()) {
    throw Error(ErrorKind::value, "there is no reference for '" + family + "'");
  }
  return found->second(kwargs);
}

template <class T>
T cast_argument(const py::kwargs& kwargs, const char* name, T fallback) {
  const py::object value = optional_argument(kwargs, name);
  if (value.is_none()) return fallback;
  try {
    return value.cast<T>();
  } catch (const py::cast_error&) {
    throw Error(ErrorKind::value, std::string(name) + " has the wrong type");
  }
}

DType dtype_of(const py::dtype& dtype) {
  const char kind = dtype.kind();
  const int64_t bytes = dtype.itemsize();
  for (int i = 0; i < kDTypes; ++i) {
    const DType t = static_cast<DType>(i);
    const std::string name = name_of(t);
    const char own = t == DType::boolean ? 'b' : name[0] == 's' ? 'i' : name[0];
    if (name != "bf16" && t != DType::bits && own == kind && bit_width(t) == 8 * bytes) return t;
  }
  throw Error(ErrorKind::dtype,
              "arrays of " + py::str(dtype).cast<std::string>() + " are not supported");
}

}  // namespace

void register_kernel(const KernelInfo& info, const py::dict& extras, RunFn run) {
  registry().kernels.push_back({info, extras, std::move(run)});
}

void register_reference(const std::string& family, RunFn run) {
  registry().references[family] = std::move(run);
}

py::object optional_argument(const py::kwargs& kwargs, const char* name) {
  return kwargs.contains(name) ? py::object(kwargs[name]) : py::none();
}

py::object argument(const py::kwargs& kwargs, const char* name) {
  const py::object value = optional_argument(kwargs, name);
  if (value.is_none()) throw Error(ErrorKind::value, std::string("missing argument ") + name);
  return value;
}

int64_t int_argument(const py::kwargs& kwargs, const char* name, int64_t fallback) {
  return cast_argument(kwargs, name, fallback);
}

double float_argument(const py::kwargs& kwargs, const char* name, double fallback) {
  return cast_argument(kwargs, name, fallback);
}

std::string string_argument(const py::kwargs& kwargs, const char* name, const char* fallback) {
  return cast_argument(kwargs, name, std::string(fallback));
}

std::vector<int64_t> ints_argument(const py::kwargs& kwargs, const char* name, size_t count,
                                   int64_t fallback) {
  const py::object value = optional_argument(kwargs, name);
  if (value.is_none()) return std::vector<int64_t>(count, fallback);
  std::vector<int64_t> out;
  for (const py::handle item : value.cast<py::sequence>()) out.push_back(item.cast<int64_t>());
  if (out.size() != count) {
    throw Error(ErrorKind::attribute, std::string(name) + " has the wrong length");
  }
  return out;
}

py::array_t<double> double_argument(const py::kwargs& kwargs, const char* name) {
  return py::array_t<double, py::array::c_style | py::array::forcecast>::ensure(
      argument(kwargs, name));
}

Activation activation_argument(const py::kwargs& kwargs) {
  Activation activation;
  const std::string name = string_argument(kwargs, "activation", "none");
  if (!activation_from_name(name.c_str(), &activation.kind)) {
    throw Error(ErrorKind::attribute, "there is no activation '" + name + "'");
  }
  activation.alpha = static_cast<float>(float_argument(kwargs, "activation_alpha", 0));
  activation.beta = static_cast<float>(float_argument(kwargs, "activation_beta", 0));
  return activation;
}

TensorView view_of(const py::array& array) {
  TensorView view;
  view.dtype = dtype_of(array.dtype());
  if (array.ndim() > kMaxRank) {
    throw Error(ErrorKind::shape, "more than " + std::to_string(kMaxRank) + " axes");
  }
  view.data = const_cast<void*>(array.data());
  view.rank = static_cast<int>(array.ndim());
  for (int i = 0; i < view.rank; ++i) {
    if (array.strides(i) % array.itemsize() != 0) {
      throw Error(ErrorKind::shape, "a stride that is not a multiple of the element's size");
    }
    view.shape[i] = array.shape(i);
    view.stride[i] = array.strides(i) / array.itemsize();
  }
  return view;
}

void raise_dtype(const char* name, const py::handle& array) {
  const std::string is = py::isinstance<py::array>(array)
                             ? py::str(array.attr("dtype")).cast<std::string>()
                             : py::str(py::type::of(array)).cast<std::string>();
  throw Error(ErrorKind::dtype, std::string(name) + " must not be an array of " + is);
}

void raise_rank(const char* name, int64_t is, int wanted) {
  throw Error(ErrorKind::shape, std::string(name) + " has " + std::to_string(is) + " axes, not " +
                                    std::to_string(wanted));
}

void bind_kernel_registry(py::module_& module) {
  module.def("kernels", &kernels,
             "A dict for each kernel: name, family, tier, lhs, rhs, dst, usable, and its own.");
  module.def("run_kernel", &run_kernel, py::arg("name"), "Runs one kernel over NumPy arrays.");
  module.def("run_reference", &run_reference_of, py::arg("family"),
             "The family's float64 reference, same arguments.");
}

}  // namespace fi::bindings
