// The rows of the grouped room, callable alone. Arguments of run_kernel and
// run_reference("grouped"): those of convolution_arguments.h, a window, and
//
//   w       (O, C / groups, kernel_h, kernel_w) f32, C-contiguous
//   groups  1 if absent
#include "base/buffer.h"
#include "bindings/convolution_arguments.h"
#include "kernels/grouped/grouped.h"

namespace fi::bindings {
namespace run_grouped {
namespace {

struct Arguments : ConvolutionArguments {
  Window window;
  grouped::Channels group;

  explicit Arguments(const py::kwargs& kwargs)
      : ConvolutionArguments(kwargs, "grouped", Layout::nhwc, 4), window(window_argument(kwargs)) {
    const int64_t groups = int_argument(kwargs, "groups", 1);
    if (groups < 1 || channels < 1 || channels % groups || outputs < 1 || outputs % groups)
      refuse("the groups do not divide the channels");
    group = {groups, channels / groups, outputs / groups};
    if (w.shape(1) != group.inputs || w.shape(2) != window.kernel_h ||
        w.shape(3) != window.kernel_w || !(w.flags() & py::array::c_style))
      refuse("w is not (O, C / groups, kernel_h, kernel_w), dense");
  }
};

py::object run(const grouped::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  if (!grouped::accepts(kernel, a.window, a.group)) raise_not_accepted(kernel.info);
  const py::array_t<float> out = a.output(kwargs);
  grouped::Convolution convolution{};
  convolution.input = image_of<const float>(a.x, "x");
  a.fill(convolution, out);
  convolution.window = a.window;
  convolution.groups = a.group.groups;
  const AlignedBuffer packed(
      static_cast<int64_t>(grouped::packed_bytes(kernel, a.window.taps(), a.group)));
  grouped::pack(kernel, a.w.data(), a.window, a.group, packed.as<float>());
  convolution.weights = packed.as<float>();
  kernel.run(convolution, a.rows(kwargs));
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  const grouped::Shape shape{a.batch, a.height, a.width, a.out_height, a.out_width};
  grouped::reference(shape, a.window, a.group, d.x.data(), d.w.data(), d.bias_data(),
                     d.residual_data(), a.activation, out.mutable_data());
  return out;
}

py::dict extras_of(const grouped::Kernel& kernel) {
  py::dict extras;
  extras["permutes"] = kernel.permutes;
  extras["lanes"] = kernel.lanes;
  extras["kernel"] = py::make_tuple(kernel.kernel, kernel.kernel);  // 0: any
  extras["stride"] = kernel.stride;
  return extras;
}

}  // namespace
}  // namespace run_grouped

void bind_run_grouped(py::module_&) {
  using namespace run_grouped;
  register_rows(grouped::table(), &run, &extras_of);
  register_reference("grouped", &reference);
}

}  // namespace fi::bindings
