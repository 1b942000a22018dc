// The rows of the direct room, callable alone. Arguments of run_kernel and run_reference("direct"):
// those of convolution_arguments.h, a window, and
//
//   x  of any strides; planar where its channels are not contiguous
//   w  (O, C, KH, KW) f32, any strides; kernel need not be given
#include "base/buffer.h"
#include "bindings/convolution_arguments.h"
#include "kernels/direct/direct.h"

namespace fi::bindings {
namespace run_direct {
namespace {

struct Arguments : ConvolutionArguments {
  Window window;

  explicit Arguments(py::kwargs kwargs) : ConvolutionArguments(kwargs, "direct", Layout::nhwc, 4) {
    if (w.shape(1) != channels) refuse("w is not (O, C, KH, KW)");
    kwargs["kernel"] = py::make_tuple(w.shape(2), w.shape(3));
    window = window_argument(kwargs);
  }
};

py::object run(const direct::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const py::array_t<float> out = a.output(kwargs);
  const TensorView x = view_of(a.x);
  direct::Convolution convolution{};
  convolution.input = {static_cast<const float*>(x.data),
                       x.shape[0],
                       x.shape[1],
                       x.shape[2],
                       x.shape[3],
                       x.stride[0],
                       x.stride[1],
                       x.stride[2],
                       x.stride[3]};
  a.fill(convolution, out);
  convolution.rows = a.rows(kwargs);
  const bool planar = a.channels > 1 && x.stride[3] != 1;
  const direct::Layer layer =
      direct::layer_of(kernel, a.window, a.channels, a.outputs, a.out_width, planar);
  const AlignedBuffer packed(static_cast<int64_t>(direct::packed_bytes(layer)));
  direct::pack_weights(layer, a.weights<direct::WeightView>(), packed.as<float>());
  const AlignedBuffer scratch(static_cast<int64_t>(direct::scratch_bytes(layer)));
  direct::run(layer, convolution, packed.as<float>(), scratch.as<char>());
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  const direct::Shape shape{a.batch,      a.height,    a.width,  a.channels,
                            a.out_height, a.out_width, a.outputs};
  direct::reference(shape, a.window, d.x.data(), d.w.data(), d.bias_data(), d.residual_data(),
                    a.activation, out.mutable_data());
  return out;
}

py::dict extras_of(const direct::Kernel& kernel) {
  py::dict extras;
  extras["mr"] = kernel.mr;
  extras["nr"] = kernel.nr;
  return extras;
}

}  // namespace
}  // namespace run_direct

void bind_run_direct(py::module_&) {
  using namespace run_direct;
  register_rows(direct::table(), &run, &extras_of);
  register_reference("direct", &reference);
}

}  // namespace fi::bindings
