// The rows of the planar room, callable alone. Arguments of run_kernel and
// run_reference("planar"): those of convolution_arguments.h (NCHW), a window, and
//
//   w  (C * multiplier, kernel_h * kernel_w) f32, C-contiguous
#include "base/buffer.h"
#include "bindings/convolution_arguments.h"
#include "kernels/planar/planar.h"

namespace fi::bindings {
namespace run_planar {
namespace {

py::object run(const planar::Kernel& kernel, const py::kwargs& kwargs) {
  const DepthwiseArguments a(kwargs, "planar", Layout::nchw);
  if (!planar::accepts(kernel, a.window)) raise_not_accepted(kernel.info);
  const py::array_t<float> out = a.output(kwargs);
  planar::Depthwise convolution;
  convolution.input = planes_of<const float>(a.x, "x");
  a.fill(convolution, out);
  convolution.window = a.window;
  convolution.multiplier = a.multiplier;
  convolution.weights = a.w.data();
  const planar::Staged staged = planar::staged_of(a.window, a.out_height, a.out_width);
  const AlignedBuffer scratch(static_cast<int64_t>(planar::scratch_bytes(kernel, staged)));
  const RowRange rows = a.rows(kwargs);
  for (int64_t n = 0; n < a.batch; ++n) {
    kernel.run(convolution, {n, 0, a.outputs, rows.begin, rows.end}, staged, scratch.as<float>());
  }
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const DepthwiseArguments a(kwargs, "planar", Layout::nchw);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  const planar::Shape shape{a.batch, a.channels, a.height, a.width, a.out_height, a.out_width};
  planar::reference(shape, a.window, a.multiplier, d.x.data(), d.w.data(), d.bias_data(),
                    d.residual_data(), a.activation, out.mutable_data());
  return out;
}

py::dict extras_of(const planar::Kernel& kernel) {
  py::dict extras;  // 0: any
  extras["kernel"] = kernel.kernel;
  extras["stride"] = kernel.stride;
  extras["dilation"] = kernel.dilation;
  return extras;
}

}  // namespace
}  // namespace run_planar

void bind_run_planar(py::module_&) {
  using namespace run_planar;
  register_rows(planar::table(), &run, &extras_of);
  register_reference("planar", &reference);
}

}  // namespace fi::bindings
