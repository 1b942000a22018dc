// The normalisations, callable from Python; f32, y is written:
//   layer_norm     x, y (any strides), scale, bias (or None), axis, epsilon, mean and inv_std
//   (written, or None) instance_norm  x, y (N, H, W, C), scale, bias, epsilon lrn            x, y
//   (N, H, W, C), size, alpha, beta, bias
// The reference takes the same and function=.
#include "bindings/image_argument.h"
#include "kernels/normalize/normalize.h"

namespace fi::bindings {
namespace run_normalize {
namespace {

constexpr const char* kNames[] = {"layer_norm", "instance_norm", "lrn"};

template <class T>
const T* vector_argument(const py::array_t<T>& array, const char* name, int64_t n) {
  if (array.size() != n || (n > 1 && array.strides(0) != array.itemsize())) {
    throw Error(ErrorKind::shape, std::string(name) + " must be dense and of the normalised size");
  }
  return array.data();
}

float* optional_output(const py::kwargs& kwargs, const char* name, int64_t n) {
  const auto array = array_argument<float>(kwargs, name);
  if (array.size() == 0) return nullptr;
  if (array.size() != n) throw Error(ErrorKind::shape, std::string(name) + " has the wrong size");
  return const_cast<float*>(array.data());
}

int axis_of(const py::kwargs& kwargs, int rank) {
  const int axis = static_cast<int>(int_argument(kwargs, "axis", -1));
  return axis < 0 ? axis + rank : axis;
}

float epsilon_of(const py::kwargs& kwargs) {
  return static_cast<float>(float_argument(kwargs, "epsilon", 1e-5));
}

py::object run_layer(const normalize::Kernel& kernel, const py::kwargs& kwargs) {
  const TensorView x = view_of(array_argument<float>(kwargs, "x"));
  const TensorView y = view_of(array_argument<float>(kwargs, "y"));
  const auto norm =
      normalize::prepare_layer_norm(kernel, x, y, axis_of(kwargs, y.rank), epsilon_of(kwargs));
  const auto scale = array_argument<float>(kwargs, "scale", 1),
             bias = array_argument<float>(kwargs, "bias");
  std::vector<char> scratch(normalize::scratch_bytes(norm));
  normalize::run(norm, static_cast<const float*>(x.data), static_cast<float*>(y.data),
                 vector_argument(scale, "scale", norm.n),
                 bias.size() ? vector_argument(bias, "bias", norm.n) : nullptr,
                 optional_output(kwargs, "mean", norm.tasks),
                 optional_output(kwargs, "inv_std", norm.tasks), scratch.data(), 0, norm.tasks);
  return argument(kwargs, "y");
}

py::object run_instance(const normalize::Kernel& kernel, const py::kwargs& kwargs) {
  const auto x = image_argument<const float>(kwargs, "x");
  const auto y = image_argument<float>(kwargs, "y");
  const auto scale = array_argument<float>(kwargs, "scale", 1),
             bias = array_argument<float>(kwargs, "bias", 1);
  const normalize::InstanceNorm norm = {&kernel,
                                        x,
                                        y,
                                        vector_argument(scale, "scale", x.channels),
                                        vector_argument(bias, "bias", x.channels),
                                        epsilon_of(kwargs)};
  std::vector<float> workspace(static_cast<size_t>(normalize::instance_workspace(x)));
  const int64_t tasks = x.batch * normalize::instance_chunks(x.height, x.width, x.channels);
  for (int64_t task = tasks; task-- > 0;)
    normalize::instance_moments(norm, workspace.data(), task, task + 1);
  normalize::instance_combine(norm, workspace.data(), 0, x.batch);
  normalize::instance_apply(norm, workspace.data(), rows_argument(kwargs, y.batch, y.height));
  return argument(kwargs, "y");
}

normalize::Lrn lrn_of(const py::kwargs& kwargs) {
  normalize::Lrn lrn;
  lrn.size = static_cast<int32_t>(int_argument(kwargs, "size", 5));
  if (lrn.size < 1) throw Error(ErrorKind::attribute, "lrn: size must be positive");
  lrn.alpha = static_cast<float>(float_argument(kwargs, "alpha", 1e-4));
  lrn.beta = static_cast<float>(float_argument(kwargs, "beta", 0.75));
  lrn.bias = static_cast<float>(float_argument(kwargs, "bias", 1));
  return lrn;
}

py::object run_lrn(const normalize::Kernel& kernel, const py::kwargs& kwargs) {
  const auto x = image_argument<const float>(kwargs, "x");
  const auto y = image_argument<float>(kwargs, "y");
  const normalize::Lrn lrn = lrn_of(kwargs);
  std::vector<char> scratch(normalize::scratch_bytes(lrn, x.channels));
  normalize::run(kernel, lrn, x, y, rows_argument(kwargs, y.batch, y.height), scratch.data());
  return argument(kwargs, "y");
}

py::array_t<double> result_like(const py::array_t<double>& x) {
  return py::array_t<double>(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
}

py::object reference_layer(const py::kwargs& kwargs) {
  const auto x = double_argument(kwargs, "x"), scale = double_argument(kwargs, "scale");
  auto y = result_like(x);
  const int64_t n = scale.size(), rows = x.size() / n;
  const bool biased = !optional_argument(kwargs, "bias").is_none();
  const auto bias = biased ? double_argument(kwargs, "bias") : py::array_t<double>(0);
  py::array_t<double> mean(rows), inv_std(rows);
  normalize::reference_layer_norm(x.data(), y.mutable_data(), scale.data(),
                                  biased ? bias.data() : nullptr, rows, n, epsilon_of(kwargs),
                                  mean.mutable_data(), inv_std.mutable_data());
  return py::make_tuple(y, mean, inv_std);
}

py::object run_reference(const py::kwargs& kwargs) {
  const std::string function = string_argument(kwargs, "function", "");
  if (function == "layer_norm") return reference_layer(kwargs);
  const auto x = double_argument(kwargs, "x");
  auto y = result_like(x);
  const auto src = image_of<const double>(x, "x");
  if (function == "lrn") {
    normalize::reference_lrn(lrn_of(kwargs), x.data(), y.mutable_data(),
                             src.batch * src.height * src.width, src.channels);
  } else {
    const auto scale = double_argument(kwargs, "scale"), bias = double_argument(kwargs, "bias");
    normalize::reference_instance_norm(src, image_of<double>(y, "y"), scale.data(), bias.data(),
                                       epsilon_of(kwargs));
  }
  return y;
}

py::object run(const normalize::Kernel& kernel, const py::kwargs& kwargs) {
  argument(kwargs, "x");
  argument(kwargs, "y");
  switch (kernel.function) {
    case normalize::Function::layer_norm:
      return run_layer(kernel, kwargs);
    case normalize::Function::instance_norm:
      return run_instance(kernel, kwargs);
    case normalize::Function::lrn:
      return run_lrn(kernel, kwargs);
  }
  return py::none();
}

py::dict extras_of(const normalize::Kernel& kernel) {
  py::dict extras;
  extras["function"] = kNames[static_cast<int>(kernel.function)];
  return extras;
}

}  // namespace
}  // namespace run_normalize

void bind_run_normalize(py::module_&) {
  using namespace run_normalize;
  register_rows(normalize::table(), &run, &extras_of);
  register_reference("normalize", run_reference);
}

}  // namespace fi::bindings
