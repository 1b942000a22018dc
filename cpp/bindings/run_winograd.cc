// The rows of the winograd room, callable alone. Arguments of run_kernel and
// run_reference("winograd"):
//
//   x            (N, H, W, C) f32 with contiguous channels
//   w            (O, C, 3, 3) f32, any strides
//   pads=(top, left), output_size=(out_height, out_width)
//   bias         (O,), residual (N, OH, OW, O), activation, activation_alpha, activation_beta
//   rows         (begin, end) of every output image; all of them if absent
//   out          (N, OH, OW, O) with contiguous channels, written in place; made if absent
//
// run_reference("winograd_magnitude", m=2|4|6, x, w, pads, output_size) gives the terms that the
// error scales with; run_reference("winograd_bounds", m, inputs) a dict of the room's bounds.
#include "base/buffer.h"
#include "bindings/image_argument.h"
#include "kernels/winograd/winograd.h"

namespace fi::bindings {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "winograd: " + reason);
}

struct Arguments {
  Image<const float> x;
  py::array_t<float> w, bias, residual;
  int64_t out_height, out_width, outputs;
  int32_t pad_top, pad_left;
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
    out_height = size[0];
    out_width = size[1];
    outputs = w.shape(0);
    for (const int64_t pad : pads) {
      if (pad < INT32_MIN || pad > INT32_MAX) refuse("a bad padding");
    }
    pad_top = static_cast<int32_t>(pads[0]);
    pad_left = static_cast<int32_t>(pads[1]);
    if (out_height < 0 || out_width < 0) refuse("a negative output size");
    if (w.shape(1) != x.channels || w.shape(2) != 3 || w.shape(3) != 3)
      refuse("w is not (O, C, 3, 3)");
    if (bias.size() && (bias.ndim() != 1 || bias.shape(0) != outputs)) refuse("bias is not (O,)");
    if (residual.size()) check_output(residual, "residual");
  }

  void check_output(const py::array& array, const char* name) const {
    const int64_t shape[] = {x.batch, out_height, out_width, outputs};
    if (array.ndim() != 4 || !std::equal(shape, shape + 4, array.shape())) {
      refuse(std::string(name) + " has not the output's shape");
    }
  }
  winograd::Shape shape() const {
    return {x.batch,   x.height, x.width, x.channels, out_height,
            out_width, outputs,  pad_top, pad_left};
  }
  py::array_t<double> doubles() const {
    return py::array_t<double>({x.batch, out_height, out_width, outputs});
  }
};

winograd::WeightView weights_of(const py::array_t<float>& w) {
  const TensorView view = view_of(w);
  return {static_cast<const float*>(view.data), view.stride[0], view.stride[1], view.stride[2],
          view.stride[3]};
}

py::object run(const winograd::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  py::array_t<float> out = array_argument<float>(kwargs, "out");
  if (optional_argument(kwargs, "out").is_none()) {
    out = py::array_t<float>(
        {arguments.x.batch, arguments.out_height, arguments.out_width, arguments.outputs});
  }
  arguments.check_output(out, "out");
  winograd::Convolution convolution{};
  convolution.input = arguments.x;
  convolution.output = image_of<float>(out, "out");
  if (arguments.residual.size())
    convolution.residual = image_of<const float>(arguments.residual, "residual");
  convolution.pad_top = arguments.pad_top;
  convolution.pad_left = arguments.pad_left;
  convolution.bias = arguments.bias.size() ? arguments.bias.data() : nullptr;
  convolution.activation = arguments.activation;
  convolution.rows = rows_argument(kwargs, arguments.x.batch, arguments.out_height);
  const int64_t tiles = winograd::grid_of(convolution, kernel.m).count();
  const winograd::Layer layer = winograd::layer_of(kernel, info_of(kernel.info.tier).required,
                                                   tiles, arguments.x.channels, arguments.outputs);
  if (!layer.gemm) throw Error(ErrorKind::unsupported, "winograd: no gemm row of this tier");
  if (tiles == 0 || arguments.outputs == 0) return out;
  const AlignedBuffer packed(static_cast<int64_t>(winograd::packed_bytes(layer)));
  winograd::pack_weights(layer, weights_of(arguments.w), 0, layer.outputs, packed.as<char>());
  const AlignedBuffer scratch(static_cast<int64_t>(winograd::scratch_bytes(layer)));
  winograd::run(layer, convolution, packed.as<char>(), 0, tiles, 0, arguments.outputs,
                scratch.as<char>());
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
  py::array_t<double> out = arguments.doubles();
  winograd::reference(arguments.shape(), x.data(), w.data(), bias.size() ? bias.data() : nullptr,
                      residual.size() ? residual.data() : nullptr, arguments.activation,
                      out.mutable_data());
  return out;
}

int m_argument(const py::kwargs& kwargs) {
  const int64_t m = int_argument(kwargs, "m", 0);
  if (m != 2 && m != 4 && m != 6) throw Error(ErrorKind::value, "winograd: m is not 2, 4 or 6");
  return static_cast<int>(m);
}

py::object magnitude(const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  const auto x = double_argument(kwargs, "x"), w = double_argument(kwargs, "w");
  py::array_t<double> out = arguments.doubles();
  winograd::magnitude(m_argument(kwargs), arguments.shape(), x.data(), w.data(),
                      out.mutable_data());
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

}  // namespace

void bind_run_winograd(py::module_&) {
  const winograd::Table table = winograd::table();
  for (int i = 0; i < table.count; ++i) {
    const winograd::Kernel* row = table.rows[i];
    py::dict extras;
    extras["m"] = row->m;
    register_kernel(row->info, extras,
                    [row](const py::kwargs& kwargs) { return run(*row, kwargs); });
  }
  register_reference("winograd", &reference);
  register_reference("winograd_magnitude", &magnitude);
  register_reference("winograd_bounds", &bounds);
}

}  // namespace fi::bindings
