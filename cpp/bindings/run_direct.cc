// The rows of the direct room, callable alone. Arguments of run_kernel and run_reference("direct"):
//
//   x            (N, H, W, C) f32, any strides; planar where its channels are not contiguous
//   w            (O, C, KH, KW) f32, any strides
//   strides, dilations, pads=(top, left), output_size=(out_height, out_width)
//   bias         (O,), residual (N, OH, OW, O), activation, activation_alpha, activation_beta
//   rows         (begin, end) of every output image; all of them if absent
//   out          (N, OH, OW, O) with contiguous channels, written in place; made if absent
#include <algorithm>

#include "base/buffer.h"
#include "bindings/window_argument.h"
#include "kernels/direct/direct.h"

namespace fi::bindings {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "direct: " + reason);
}

struct Arguments {
  py::array_t<float> x, w, bias, residual;
  int64_t out_height, out_width, outputs;
  Window window;
  Activation activation;

  explicit Arguments(py::kwargs kwargs)
      : x(array_argument<float>(kwargs, "x", 4)),
        w(array_argument<float>(kwargs, "w", 4)),
        bias(array_argument<float>(kwargs, "bias")),
        residual(array_argument<float>(kwargs, "residual")),
        activation(activation_argument(kwargs)) {
    argument(kwargs, "x");
    argument(kwargs, "w");
    argument(kwargs, "output_size");
    const auto size = ints_argument(kwargs, "output_size", 2, 0);
    out_height = size[0];
    out_width = size[1];
    outputs = w.shape(0);
    if (out_height < 0 || out_width < 0) refuse("a negative output size");
    if (w.shape(1) != x.shape(3)) refuse("w is not (O, C, KH, KW)");
    kwargs["kernel"] = py::make_tuple(w.shape(2), w.shape(3));
    window = window_argument(kwargs);
    if (bias.size() && (bias.ndim() != 1 || bias.shape(0) != outputs)) refuse("bias is not (O,)");
    if (residual.size()) check_output(residual, "residual");
  }

  void check_output(const py::array& array, const char* name) const {
    const int64_t shape[] = {x.shape(0), out_height, out_width, outputs};
    if (array.ndim() != 4 || !std::equal(shape, shape + 4, array.shape())) {
      refuse(std::string(name) + " has not the output's shape");
    }
  }
};

py::object run(const direct::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  py::array_t<float> out = array_argument<float>(kwargs, "out");
  if (optional_argument(kwargs, "out").is_none())
    out = py::array_t<float>(
        {static_cast<int64_t>(a.x.shape(0)), a.out_height, a.out_width, a.outputs});
  a.check_output(out, "out");
  const TensorView x = view_of(a.x), w = view_of(a.w);
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
  convolution.output = image_of<float>(out, "out");
  if (a.residual.size()) convolution.residual = image_of<const float>(a.residual, "residual");
  convolution.bias = a.bias.size() ? a.bias.data() : nullptr;
  convolution.activation = a.activation;
  convolution.rows = rows_argument(kwargs, x.shape[0], a.out_height);
  const bool planar = x.shape[3] > 1 && x.stride[3] != 1;
  const direct::Layer layer =
      direct::layer_of(kernel, a.window, x.shape[3], a.outputs, a.out_width, planar);
  const AlignedBuffer packed(static_cast<int64_t>(direct::packed_bytes(layer)));
  direct::pack_weights(
      layer,
      {static_cast<const float*>(w.data), w.stride[0], w.stride[1], w.stride[2], w.stride[3]},
      packed.as<float>());
  const AlignedBuffer scratch(static_cast<int64_t>(direct::scratch_bytes(layer)));
  direct::run(layer, convolution, packed.as<float>(), scratch.as<char>());
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const auto x = double_argument(kwargs, "x"), w = double_argument(kwargs, "w");
  const auto optional = [&](const char* name) {
    return optional_argument(kwargs, name).is_none() ? py::array_t<double>(0)
                                                     : double_argument(kwargs, name);
  };
  const auto bias = optional("bias"), residual = optional("residual");
  const direct::Shape shape{x.shape(0),   x.shape(1),  x.shape(2), x.shape(3),
                            a.out_height, a.out_width, a.outputs};
  py::array_t<double> out({shape.batch, a.out_height, a.out_width, a.outputs});
  direct::reference(shape, a.window, x.data(), w.data(), bias.size() ? bias.data() : nullptr,
                    residual.size() ? residual.data() : nullptr, a.activation, out.mutable_data());
  return out;
}

}  // namespace

void bind_run_direct(py::module_&) {
  const direct::Table table = direct::table();
  for (int i = 0; i < table.count; ++i) {
    const direct::Kernel* row = table.rows[i];
    py::dict extras;
    extras["mr"] = row->mr;
    extras["nr"] = row->nr;
    register_kernel(row->info, extras,
                    [row](const py::kwargs& kwargs) { return run(*row, kwargs); });
  }
  register_reference("direct", &reference);
}

}  // namespace fi::bindings
