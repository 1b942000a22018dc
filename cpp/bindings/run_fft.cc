// The rows of the FFT room, callable alone. Arguments of run_kernel and run_reference("fft"):
// those of convolution_arguments.h, and
//
//   w       (O, C / groups, KH, KW) f32, any strides
//   groups  1 if absent, dilations (1, 1), pads (top, left)
//
// run_reference("fft_magnitude", t=8|16|32|64, x, w, groups, dilations, pads, output_size) gives
// what the error scales with; run_reference("fft_bounds", t, inputs) a dict of the room's bounds,
// inputs of a group; run_reference("fft_cycles", t, macs_per_cycle, ...) the cost model's estimate.
#include "base/buffer.h"
#include "bindings/convolution_arguments.h"
#include "kernels/fft/fft.h"

namespace fi::bindings {
namespace run_fft {
namespace {

struct Arguments : ConvolutionArguments {
  fft::Problem problem;

  explicit Arguments(const py::kwargs& kwargs)
      : ConvolutionArguments(kwargs, "fft", Layout::nhwc, 4) {
    const auto pads = pads_argument(kwargs);
    const auto dilations = ints_argument(kwargs, "dilations", 2, 1);
    for (const int64_t dilation : dilations) {
      if (dilation < 1 || dilation > fft::kMostExtent) refuse("a bad dilation");
    }
    const int64_t groups = int_argument(kwargs, "groups", 1);
    if (groups < 1 || outputs % groups != 0 || channels % groups != 0 || outputs < groups ||
        channels < groups) {
      refuse("groups do not divide the channels");
    }
    if (w.shape(1) * groups != channels) refuse("w is not (O, C / groups, KH, KW)");
    if (w.shape(2) < 1 || w.shape(3) < 1) refuse("an empty window");
    problem = {{batch, out_height, out_width, channels, outputs, groups,
                (w.shape(2) - 1) * dilations[0] + 1, (w.shape(3) - 1) * dilations[1] + 1},
               height,
               width,
               w.shape(2),
               w.shape(3),
               dilations[0],
               dilations[1],
               pads[0],
               pads[1]};
  }

  void check_tile(int t) const {
    if (problem.shape.extent_h > t || problem.shape.extent_w > t) refuse("w exceeds the tile");
  }
  fft::WeightView grouped_weights() const {
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
  const Arguments a(kwargs);
  const fft::Shape& shape = a.problem.shape;
  a.check_tile(kernel.t);
  const py::array_t<float> out = a.output(kwargs);
  fft::Convolution convolution{};
  convolution.input = image_of<const float>(a.x, "x");
  a.fill(convolution, out);
  convolution.extent_h = shape.extent_h;
  convolution.extent_w = shape.extent_w;
  convolution.pad_top = static_cast<int32_t>(a.problem.pad_top);
  convolution.pad_left = static_cast<int32_t>(a.problem.pad_left);
  convolution.rows = a.rows(kwargs);
  const fft::Layer layer = fft::layer_of(kernel, shape);
  const int64_t tiles = fft::grid_of(convolution, kernel.t).count();
  if (tiles == 0) return out;
  const AlignedBuffer packed(static_cast<int64_t>(fft::packed_bytes(layer)));
  fft::pack_weights(layer, a.grouped_weights(), 0, a.outputs, packed.as<char>());
  const AlignedBuffer scratch(static_cast<int64_t>(fft::scratch_bytes(layer)));
  fft::run(layer, convolution, packed.as<char>(), 0, tiles, 0, a.outputs, scratch.as<char>());
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  fft::reference(a.problem, d.x.data(), d.w.data(), d.bias_data(), d.residual_data(), a.activation,
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
  const Arguments a(kwargs);
  const int t = t_argument(kwargs);
  a.check_tile(t);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  fft::magnitude(t, a.problem, d.x.data(), d.w.data(), out.mutable_data());
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

py::dict extras_of(const fft::Kernel& kernel) {
  py::dict extras;
  extras["t"] = kernel.t;
  extras["nr"] = kernel.nr;
  return extras;
}

}  // namespace
}  // namespace run_fft

void bind_run_fft(py::module_&) {
  using namespace run_fft;
  register_rows(fft::table(), &run, &extras_of);
  register_reference("fft", &reference);
  register_reference("fft_magnitude", &magnitude);
  register_reference("fft_bounds", &bounds);
  register_reference("fft_cycles", &cycles);
}

}  // namespace fi::bindings
