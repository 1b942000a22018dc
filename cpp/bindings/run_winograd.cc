// The rows of the winograd room, callable alone. Arguments of run_kernel and
// run_reference("winograd"): those of convolution_arguments.h, and
//
//   w     (O, C, 3, 3) f32, any strides
//   pads  (top, left)
//
// run_reference("winograd_magnitude", m=2|4|6, x, w, pads, output_size) gives the terms that the
// error scales with; run_reference("winograd_bounds", m, inputs) a dict of the room's bounds.
#include "base/buffer.h"
#include "bindings/convolution_arguments.h"
#include "kernels/winograd/winograd.h"

namespace fi::bindings {
namespace run_winograd {
namespace {

struct Arguments : ConvolutionArguments {
  winograd::Shape shape;

  explicit Arguments(const py::kwargs& kwargs)
      : ConvolutionArguments(kwargs, "winograd", Layout::nhwc, 4) {
    const auto pads = pads_argument(kwargs);
    shape = {batch, height, width, channels, out_height, out_width, outputs, pads[0], pads[1]};
    if (w.shape(1) != channels || w.shape(2) != 3 || w.shape(3) != 3)
      refuse("w is not (O, C, 3, 3)");
  }
};

py::object run(const winograd::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const py::array_t<float> out = a.output(kwargs);
  winograd::Convolution convolution{};
  convolution.input = image_of<const float>(a.x, "x");
  a.fill(convolution, out);
  convolution.pad_top = static_cast<int32_t>(a.shape.pad_top);
  convolution.pad_left = static_cast<int32_t>(a.shape.pad_left);
  convolution.rows = a.rows(kwargs);
  const int64_t tiles = winograd::grid_of(convolution, kernel.m).count();
  const winograd::Layer layer =
      winograd::layer_of(kernel, info_of(kernel.info.tier).required, tiles, a.channels, a.outputs);
  if (!layer.gemm) throw Error(ErrorKind::unsupported, "winograd: no gemm row of this tier");
  if (tiles == 0 || a.outputs == 0) return out;
  const AlignedBuffer packed(static_cast<int64_t>(winograd::packed_bytes(layer)));
  winograd::pack_weights(layer, a.weights<winograd::WeightView>(), 0, layer.outputs,
                         packed.as<char>());
  const AlignedBuffer scratch(static_cast<int64_t>(winograd::scratch_bytes(layer)));
  winograd::run(layer, convolution, packed.as<char>(), 0, tiles, scratch.as<char>());
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  winograd::reference(a.shape, d.x.data(), d.w.data(), d.bias_data(), d.residual_data(),
                      a.activation, out.mutable_data());
  return out;
}

int m_argument(const py::kwargs& kwargs) {
  const int64_t m = int_argument(kwargs, "m", 0);
  if (m != 2 && m != 4 && m != 6) throw Error(ErrorKind::value, "winograd: m is not 2, 4 or 6");
  return static_cast<int>(m);
}

py::object magnitude(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  winograd::magnitude(m_argument(kwargs), a.shape, d.x.data(), d.w.data(), out.mutable_data());
  return out;
}

py::object bounds(const py::kwargs& kwargs) {
  const int m = m_argument(kwargs);
  const int64_t inputs = int_argument(kwargs, "inputs", 1);
  py::dict out;
  out["roundings"] = winograd::roundings(m, inputs);
  out["error_bound"] = winograd::error_bound(m, inputs);
  out["expected_error"] = winograd::expected_error(m, inputs);
  return out;
}

py::dict extras_of(const winograd::Kernel& kernel) {
  py::dict extras;
  extras["m"] = kernel.m;
  return extras;
}

}  // namespace
}  // namespace run_winograd

void bind_run_winograd(py::module_&) {
  using namespace run_winograd;
  register_rows(winograd::table(), &run, &extras_of);
  register_reference("winograd", &reference);
  register_reference("winograd_magnitude", &magnitude);
  register_reference("winograd_bounds", &bounds);
}

}  // namespace fi::bindings
