// The rows of the depthwise room, callable alone. Arguments of run_kernel and
// run_reference("depthwise"): those of convolution_arguments.h, a window, and
//
//   w      (C * multiplier, kernel_h * kernel_w) f32, C-contiguous
//   means  (N, out_height, 1, C * multiplier) f32 to write each output row's mean to; of the
//   kernels
//          alone, and need not be there
#include "base/buffer.h"
#include "bindings/convolution_arguments.h"
#include "kernels/depthwise/depthwise.h"

namespace fi::bindings {
namespace run_depthwise {
namespace {

Image<float> means_of(const DepthwiseArguments& a, const py::array_t<float>& means) {
  const auto image = image_of<float>(means, "means");
  if (image.batch != a.batch || image.height != a.out_height || image.width != 1 ||
      image.channels != a.outputs)
    a.refuse("means is not (N, out_height, 1, O)");
  return image;
}

py::object run(const depthwise::Kernel& kernel, const py::kwargs& kwargs) {
  const DepthwiseArguments a(kwargs, "depthwise", Layout::nhwc);
  if (!depthwise::accepts(kernel, a.window, a.multiplier)) raise_not_accepted(kernel.info);
  const py::array_t<float> out = a.output(kwargs);
  depthwise::Convolution convolution{};
  convolution.input = image_of<const float>(a.x, "x");
  a.fill(convolution, out);
  const auto means = array_argument<float>(kwargs, "means");
  if (means.size()) convolution.means = means_of(a, means);
  convolution.window = a.window;
  convolution.multiplier = a.multiplier;
  const int64_t taps = a.window.taps();
  const AlignedBuffer packed(static_cast<int64_t>(depthwise::packed_bytes(taps, a.outputs)));
  depthwise::pack(a.w.data(), taps, a.outputs, packed.as<float>());
  convolution.weights = packed.as<float>();
  kernel.run(convolution, a.rows(kwargs));
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const DepthwiseArguments a(kwargs, "depthwise", Layout::nhwc);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  const depthwise::Shape shape{a.batch, a.height, a.width, a.channels, a.out_height, a.out_width};
  depthwise::reference(shape, a.window, a.multiplier, d.x.data(), d.w.data(), d.bias_data(),
                       d.residual_data(), a.activation, out.mutable_data());
  return out;
}

py::dict extras_of(const depthwise::Kernel& kernel) {
  py::dict extras;  // 0: any
  extras["kernel"] = py::make_tuple(kernel.kernel_h, kernel.kernel_w);
  extras["stride"] = kernel.stride;
  extras["dilation"] = kernel.dilation;
  extras["reduced_stride"] = kernel.reduced_stride;
  extras["multiplier"] = kernel.multiplier;
  return extras;
}

}  // namespace
}  // namespace run_depthwise

void bind_run_depthwise(py::module_&) {
  using namespace run_depthwise;
  register_rows(depthwise::table(), &run, &extras_of);
  register_reference("depthwise", &reference);
}

}  // namespace fi::bindings
