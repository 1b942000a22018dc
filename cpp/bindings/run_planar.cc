// The rows of the planar room, callable alone. Arguments of run_kernel and
// run_reference("planar"):
//
//   x            (N, C, H, W) f32 with contiguous rows
//   w            (C * multiplier, kernel_h * kernel_w) f32, C-contiguous
//   kernel, strides, dilations, pads=(top, left), output_size=(out_height, out_width)
//   bias         (C * multiplier,), residual (N, C * multiplier, OH, OW)
//   activation, activation_alpha, activation_beta
//   rows         (begin, end) of every output image; all of them if absent
//   out          (N, C * multiplier, OH, OW) with contiguous rows, written in place; made if absent
#include "base/buffer.h"
#include "bindings/planes_argument.h"
#include "bindings/window_argument.h"
#include "kernels/planar/planar.h"

namespace fi::bindings {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "planar: " + reason);
}

struct Arguments {
  Planes<const float> x;
  Window window;
  int64_t out_height, out_width, outputs;
  int32_t multiplier;
  py::array_t<float> w, bias, residual;
  Activation activation;

  explicit Arguments(const py::kwargs& kwargs)
      : x(planes_argument<const float>(kwargs, "x")),
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
    const int64_t shape[] = {x.batch, outputs, out_height, out_width};
    if (array.ndim() != 4 || !std::equal(shape, shape + 4, array.shape())) {
      refuse(std::string(name) + " has not the output's shape");
    }
  }
  template <class T>
  py::array_t<T> made() const {
    return py::array_t<T>({x.batch, outputs, out_height, out_width});
  }
};

py::object run(const planar::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  if (!planar::accepts(kernel, arguments.window)) {
    throw Error(ErrorKind::unsupported,
                std::string(kernel.info.name) + " does not take this window");
  }
  py::array_t<float> out = array_argument<float>(kwargs, "out");
  if (optional_argument(kwargs, "out").is_none()) out = arguments.made<float>();
  arguments.check_output(out, "out");
  planar::Depthwise convolution;
  convolution.input = arguments.x;
  convolution.output = planes_of<float>(out, "out");
  if (arguments.residual.size())
    convolution.residual = planes_of<const float>(arguments.residual, "residual");
  convolution.window = arguments.window;
  convolution.multiplier = arguments.multiplier;
  convolution.weights = arguments.w.data();
  convolution.bias = arguments.bias.size() ? arguments.bias.data() : nullptr;
  convolution.activation = arguments.activation;
  const planar::Staged staged =
      planar::staged_of(arguments.window, arguments.out_height, arguments.out_width);
  const AlignedBuffer scratch(static_cast<int64_t>(planar::scratch_bytes(staged)));
  const RowRange rows = rows_argument(kwargs, arguments.x.batch, arguments.out_height);
  for (int64_t n = 0; n < arguments.x.batch; ++n) {
    kernel.run(convolution, {n, 0, arguments.outputs, rows.begin, rows.end}, staged,
               scratch.as<float>());
  }
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
  py::array_t<double> out = arguments.made<double>();
  const planar::Shape shape{arguments.x.batch, arguments.x.channels, arguments.x.height,
                            arguments.x.width, arguments.out_height, arguments.out_width};
  planar::reference(shape, arguments.window, arguments.multiplier, x.data(), w.data(),
                    bias.size() ? bias.data() : nullptr,
                    residual.size() ? residual.data() : nullptr, arguments.activation,
                    out.mutable_data());
  return out;
}

}  // namespace

void bind_run_planar(py::module_&) {
  const planar::Table table = planar::table();
  for (int i = 0; i < table.count; ++i) {
    const planar::Kernel* row = table.rows[i];
    py::dict extras;  // 0: any
    extras["kernel"] = row->kernel;
    extras["stride"] = row->stride;
    extras["dilation"] = row->dilation;
    register_kernel(row->info, extras,
                    [row](const py::kwargs& kwargs) { return run(*row, kwargs); });
  }
  register_reference("planar", &reference);
}

}  // namespace fi::bindings
