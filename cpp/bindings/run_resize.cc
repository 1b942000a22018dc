// The resize room, callable from Python: x (N, H, W, C) and y (N, OH, OW, C) f32 (y is written),
// mode, coordinate_mode, nearest_mode, scales (2; output / input if absent), roi (4),
// extrapolation_value, cubic_a, exclude_outside, antialias, rows. The reference takes the same.
#include "bindings/image_argument.h"
#include "kernels/resize/resize.h"

namespace fi::bindings {
namespace run_resize {
namespace {

template <class Enum>
Enum named(const py::kwargs& kwargs, const char* argument, const char* fallback,
           bool (*from_name)(const char*, Enum*)) {
  Enum value;
  const std::string name = string_argument(kwargs, argument, fallback);
  if (!from_name(name.c_str(), &value)) throw Error(ErrorKind::attribute, "there is no " + name);
  return value;
}

std::vector<float> floats(const py::kwargs& kwargs, const char* name, std::vector<float> fallback) {
  const py::object value = optional_argument(kwargs, name);
  if (value.is_none()) return fallback;
  std::vector<float> list;
  for (const py::handle item : value.cast<py::sequence>()) list.push_back(item.cast<float>());
  if (list.size() != fallback.size())
    throw Error(ErrorKind::attribute, std::string(name) + " has the wrong length");
  return list;
}

resize::Resize2d resize_of(const py::kwargs& kwargs, int64_t in_h, int64_t in_w, int64_t out_h,
                           int64_t out_w) {
  resize::Resize2d r;
  r.mode = named(kwargs, "mode", "nearest", resize::mode_from_name);
  r.coordinate = named(kwargs, "coordinate_mode", "half_pixel", resize::coordinate_from_name);
  r.nearest = named(kwargs, "nearest_mode", "round_prefer_floor", resize::nearest_from_name);
  const auto ratio = [](int64_t out, int64_t in) {
    return static_cast<float>(out) / static_cast<float>(in);
  };
  const auto scales = floats(kwargs, "scales", {ratio(out_h, in_h), ratio(out_w, in_w)});
  r.scale_h = scales[0];
  r.scale_w = scales[1];
  const auto roi = floats(kwargs, "roi", {0, 0, 1, 1});
  std::copy(roi.begin(), roi.end(), r.roi);
  r.extrapolation_value = static_cast<float>(float_argument(kwargs, "extrapolation_value", 0));
  r.cubic_a = static_cast<float>(float_argument(kwargs, "cubic_a", -0.75));
  r.exclude_outside = int_argument(kwargs, "exclude_outside", 0) != 0;
  r.antialias = int_argument(kwargs, "antialias", 0) != 0;
  return r;
}

template <class Source, class Result>
resize::Plan plan_of(const resize::Kernel& kernel, const py::kwargs& kwargs, const Source& src,
                     const Result& dst) {
  if (src.batch != dst.batch || src.channels != dst.channels)
    throw Error(ErrorKind::shape, "x and y do not match");
  return resize::prepare(kernel, resize_of(kwargs, src.height, src.width, dst.height, dst.width),
                         src.height, src.width, dst.height, dst.width);
}

py::object run(const resize::Kernel& kernel, const py::kwargs& kwargs) {
  const auto src = image_argument<const float>(kwargs, "x");
  const auto dst = image_argument<float>(kwargs, "y");
  const resize::Plan plan = plan_of(kernel, kwargs, src, dst);
  resize::run(plan, src, dst, rows_argument(kwargs, dst.batch, dst.height));
  return argument(kwargs, "y");
}

py::object run_reference(const py::kwargs& kwargs) {
  const auto x = double_argument(kwargs, "x"), y = double_argument(kwargs, "y");
  const py::array_t<double> out(std::vector<py::ssize_t>(y.shape(), y.shape() + y.ndim()));
  const auto src = image_of<const double>(x, "x");
  const auto dst = image_of<double>(out, "y");
  const resize::Mode mode = named(kwargs, "mode", "nearest", resize::mode_from_name);
  const auto function =
      mode == resize::Mode::nearest ? resize::Function::nearest : resize::Function::taps;
  resize::reference(plan_of(*resize::find(function, 0), kwargs, src, dst), src, dst);
  return out;
}

py::dict extras_of(const resize::Kernel& kernel) {
  py::dict extras;
  extras["function"] = kernel.function == resize::Function::nearest ? "nearest" : "taps";
  return extras;
}

}  // namespace
}  // namespace run_resize

void bind_run_resize(py::module_&) {
  using namespace run_resize;
  register_rows(resize::table(), &run, &extras_of);
  register_reference("resize", run_reference);
}

}  // namespace fi::bindings
