// The rows of the FFT room, callable alone. Arguments of run_kernel and run_reference("fft"):
//
//   x            (N, H, W, C) f32 with contiguous channels
//   w            (O, C / groups, KH, KW) f32, any strides
//   groups=1, dilations=(1, 1), pads=(top, left), output_size=(out_height, out_width)
//   bias         (O,), residual (N, OH, OW, O), activation, activation_alpha, activation_beta
//   rows         (begin, end) of every output image; all of them if absent
//   out          (N, OH, OW, O) with contiguous channels, written in place; made if absent
//
// run_reference("fft_magnitude", t=8|16|32|64, x, w, groups, dilations, pads, output_size) gives
// what the error scales with; run_reference("fft_bounds", t, inputs) a dict of the room's bounds,
// inputs of a group; run_reference("fft_cycles", t, macs_per_cycle, ...) the cost model's estimate.
#include "base/buffer.h"
#include "bindings/image_argument.h"
#include "kernels/fft/fft.h"

namespace fi::bindings {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "fft: " + reason);
}

struct Arguments {
  Image<const float> x;
  py::array_t<float> w, bias, residual;
  fft::Problem problem;
  Activation activation;

  explicit Arguments(const py::kwargs& kwargs)
      : x(image_argument<const float>(kwargs, "x")),
        w(array_argument<float>(kwargs, "w", 4)),
        bias(array_argument<float>(kwargs, "bias")),
        residual(array_argument<float>(kwargs, "residual")),
        activation(activation_argument(kwargs)) {
    argument(kwargs, "output_size");
    const auto size = ints_argument(kwargs, "output_size", 2, 0);
    const auto pads = ints_argument(kwargs, "pads", 2, 0);
    const auto dilations = ints_argument(kwargs, "dilations", 2, 1);
    const int64_t groups = int_argument(kwargs, "groups", 1), outputs = w.shape(0);
    if (size[0] < 0 || size[1] < 0) refuse("a negative output size");
    for (const int64_t pad : pads) {
      if (pad < INT32_MIN || pad > INT32_MAX) refuse("a bad padding");
    }
    for (const int64_t dilation : dilations) {
      if (dilation < 1 || dilation > fft::kMostExtent) refuse("a bad dilation");
    }
    if (groups < 1 || outputs % groups != 0 || x.channels % groups != 0 || outputs < groups ||
        x.channels < groups) {
      refuse("groups do not divide the channels");
    }
    if (w.shape(1) * groups != x.channels) refuse("w is not (O, C / groups, KH, KW)");
    problem = {{x.batch, size[0], size[1], x.channels, outputs, groups,
                (w.shape(2) - 1) * dilations[0] + 1, (w.shape(3) - 1) * dilations[1] + 1},
               x.height,
               x.width,
               w.shape(2),
               w.shape(3),
               dilations[0],
               dilations[1],
               pads[0],
               pads[1]};
    if (w.shape(2) < 1 || w.shape(3) < 1) refuse("an empty window");
    if (bias.size() && (bias.ndim() != 1 || bias.shape(0) != outputs)) refuse("bias is not (O,)");
    if (residual.size()) check_output(residual, "residual");
  }

  void check_output(const py::array& array, const char* name) const {
    const fft::Shape& s = problem.shape;
    const int64_t shape[] = {s.batch, s.height, s.width, s.outputs};
    if (array.ndim() != 4 || !std::equal(shape, shape + 4, array.shape())) {
      refuse(std::string(name) + " has not the output's shape");
    }
  }
  void check_tile(int t) const {
    if (problem.shape.extent_h > t || problem.shape.extent_w > t) refuse("w exceeds the tile");
  }
  template <class T>
  py::array_t<T> output() const {
    const fft::Shape& s = problem.shape;
    return py::array_t<T>({s.batch, s.height, s.width, s.outputs});
  }
  fft::WeightView weights() const {
    const TensorView view = view_of(w);
    return {static_cast<const float*>(view.data),
            problem.kernel_h,
            problem.kernel_w,
            problem.dilation_h,
            problem.dilation_w,
            view.stride[0] * problem.shape.group_outputs(),
            view.stride[0],
            view.stride[1],
            view.stride[2],
            view.stride[3]};
  }
};

py::object run(const fft::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  const fft::Problem& problem = arguments.problem;
  arguments.check_tile(kernel.t);
  py::array_t<float> out = array_argument<float>(kwargs, "out");
  if (optional_argument(kwargs, "out").is_none()) out = arguments.output<float>();
  arguments.check_output(out, "out");
  fft::Convolution convolution{};
  convolution.input = arguments.x;
  convolution.output = image_of<float>(out, "out");
  if (arguments.residual.size())
    convolution.residual = image_of<const float>(arguments.residual, "residual");
  convolution.extent_h = problem.shape.extent_h;
  convolution.extent_w = problem.shape.extent_w;
  convolution.pad_top = static_cast<int32_t>(problem.pad_top);
  convolution.pad_left = static_cast<int32_t>(problem.pad_left);
  convolution.bias = arguments.bias.size() ? arguments.bias.data() : nullptr;
  convolution.activation = arguments.activation;
  convolution.rows = rows_argument(kwargs, arguments.x.batch, problem.shape.height);
  const fft::Layer layer = fft::layer_of(kernel, problem.shape);
  const int64_t tiles = fft::grid_of(convolution, kernel.t).count();
  const int64_t outputs = problem.shape.outputs;
  if (tiles == 0) return out;
  const AlignedBuffer packed(static_cast<int64_t>(fft::packed_bytes(layer)));
  fft::pack_weights(layer, arguments.weights(), 0, outputs, packed.as<char>());
  const AlignedBuffer scratch(static_cast<int64_t>(fft::scratch_bytes(layer)));
  fft::run(layer, convolution, packed.as<char>(), 0, tiles, 0, outputs, scratch.as<char>());
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  const auto x = double_argument(kwargs, "x"), w = double_argument(kwargs, "w");
  const auto optional = [&](const char* name) {
    return optional_argument(kwargs, name).is_none() ? py::array_t<double>(0)
                                                     : double_argument(kwargs, name);
  };
  const auto bias = optional("bias"), residual = optional("residual");
  py::array_t<double> out = arguments.output<double>();
  fft::reference(arguments.problem, x.data(), w.data(), bias.size() ? bias.data() : nullptr,
                 residual.size() ? residual.data() : nullptr, arguments.activation,
                 out.mutable_data());
  return out;
}

int t_argument(const py::kwargs& kwargs) {
  const int64_t t = int_argument(kwargs, "t", 0);
  if (t != 8 && t != 16 && t != 32 && t != 64)
    throw Error(ErrorKind::value, "fft: t is not 8, 16, 32 or 64");
  return static_cast<int>(t);
}

py::object magnitude(const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  const int t = t_argument(kwargs);
  arguments.check_tile(t);
  const auto x = double_argument(kwargs, "x"), w = double_argument(kwargs, "w");
  py::array_t<double> out = arguments.output<double>();
  fft::magnitude(t, arguments.problem, x.data(), w.data(), out.mutable_data());
  return out;
}

py::object bounds(const py::kwargs& kwargs) {
  const int t = t_argument(kwargs);
  const int64_t inputs = int_argument(kwargs, "inputs", 1);
  py::dict out;
  out["roundings"] = fft::roundings(t, inputs);
  out["expected_error"] = fft::expected_error(t, inputs);
  return out;
}

py::object cycles(const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  const int t = t_argument(kwargs);
  arguments.check_tile(t);
  return py::float_(
      fft::cycles(t, arguments.problem.shape, float_argument(kwargs, "macs_per_cycle", 32)));
}

}  // namespace

void bind_run_fft(py::module_&) {
  const fft::Table table = fft::table();
  for (int i = 0; i < table.count; ++i) {
    const fft::Kernel* row = table.rows[i];
    py::dict extras;
    extras["t"] = row->t;
    extras["nr"] = row->nr;
    register_kernel(row->info, extras,
                    [row](const py::kwargs& kwargs) { return run(*row, kwargs); });
  }
  register_reference("fft", &reference);
  register_reference("fft_magnitude", &magnitude);
  register_reference("fft_bounds", &bounds);
  register_reference("fft_cycles", &cycles);
}

}  // namespace fi::bindings
