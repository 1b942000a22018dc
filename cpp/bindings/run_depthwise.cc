// The rows of the depthwise room, callable alone. Arguments of run_kernel and
// run_reference("depthwise"):
//
//   x            (N, H, W, C) f32 with contiguous channels
//   w            (C * multiplier, kernel_h * kernel_w) f32, C-contiguous
//   kernel, strides, dilations, pads=(top, left)
//   output_size  (out_height, out_width)
//   bias         (C * multiplier,), residual (N, OH, OW, C * multiplier), activation,
//   activation_alpha, activation_beta rows         (begin, end) of every output image; all of them
//   if absent (the others keep what out holds) out          (N, OH, OW, C * multiplier) with
//   contiguous channels, written in place; made if absent
#include "base/buffer.h"
#include "bindings/window_argument.h"
#include "kernels/depthwise/depthwise.h"

namespace fi::bindings {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "depthwise: " + reason);
}

struct Arguments {
  Image<const float> x;
  Window window;
  int64_t out_height, out_width, outputs;
  int32_t multiplier;
  py::array_t<float> w, bias, residual;
  Activation activation;

  explicit Arguments(const py::kwargs& kwargs)
      : x(image_argument<const float>(kwargs, "x")),
        window(window_argument(kwargs)),
        w(array_argument<float>(kwargs, "w", 2)),
        bias(array_argument<float>(kwargs, "bias")),
        residual(array_argument<float>(kwargs, "residual")),
        activation(activation_argument(kwargs)) {
    argument(kwargs, "output_size");
    const auto size = ints_argument(kwargs, "output_size", 2, 0);
    out_height = size[0];
    out_width = size[1];
    outputs = w.shape(0);
    if (out_height < 0 || out_width < 0) refuse("a negative output size");
    if (x.channels < 1 || outputs < 1 || outputs % x.channels)
      refuse("w is not of a multiple of C channels");
    if (w.shape(1) != window.taps() || !(w.flags() & py::array::c_style))
      refuse("w is not (channels, taps), dense");
    multiplier = static_cast<int32_t>(outputs / x.channels);
    if (bias.size() && (bias.ndim() != 1 || bias.shape(0) != outputs))
      refuse("bias is not (channels,)");
    if (residual.size()) check_output(residual, "residual");
  }

  void check_output(const py::array& array, const char* name) const {
    const int64_t shape[] = {x.batch, out_height, out_width, outputs};
    if (array.ndim() != 4 || !std::equal(shape, shape + 4, array.shape())) {
      refuse(std::string(name) + " has not the output's shape");
    }
  }
};

py::object run(const depthwise::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  if (!depthwise::accepts(kernel, arguments.window, arguments.multiplier)) {
    throw Error(ErrorKind::unsupported,
                std::string(kernel.info.name) + " does not take this window");
  }
  py::array_t<float> out = array_argument<float>(kwargs, "out");
  if (optional_argument(kwargs, "out").is_none()) {
    out = py::array_t<float>(
        {arguments.x.batch, arguments.out_height, arguments.out_width, arguments.outputs});
  }
  arguments.check_output(out, "out");
  depthwise::Convolution convolution{};
  convolution.input = arguments.x;
  convolution.output = image_of<float>(out, "out");
  if (arguments.residual.size())
    convolution.residual = image_of<const float>(arguments.residual, "residual");
  convolution.window = arguments.window;
  convolution.multiplier = arguments.multiplier;
  const int64_t taps = arguments.window.taps();
  const AlignedBuffer packed(
      static_cast<int64_t>(depthwise::packed_bytes(taps, arguments.outputs)));
  depthwise::pack(arguments.w.data(), taps, arguments.outputs, packed.as<float>());
  convolution.weights = packed.as<float>();
  convolution.bias = arguments.bias.size() ? arguments.bias.data() : nullptr;
  convolution.activation = arguments.activation;
  kernel.run(convolution, rows_argument(kwargs, arguments.x.batch, arguments.out_height));
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
  py::array_t<double> out(
      {arguments.x.batch, arguments.out_height, arguments.out_width, arguments.outputs});
  const depthwise::Shape shape{arguments.x.batch,    arguments.x.height,   arguments.x.width,
                               arguments.x.channels, arguments.out_height, arguments.out_width};
  depthwise::reference(shape, arguments.window, arguments.multiplier, x.data(), w.data(),
                       bias.size() ? bias.data() : nullptr,
                       residual.size() ? residual.data() : nullptr, arguments.activation,
                       out.mutable_data());
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

void bind_run_depthwise(py::module_&) {
  const depthwise::Table table = depthwise::table();
  for (int i = 0; i < table.count; ++i) {
    const depthwise::Kernel* row = table.rows[i];
    register_kernel(row->info, extras_of(*row),
                    [row](const py::kwargs& kwargs) { return run(*row, kwargs); });
  }
  register_reference("depthwise", &reference);
}

}  // namespace fi::bindings
