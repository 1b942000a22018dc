// The rows of the sparse room, callable alone. Arguments of run_kernel and
// run_reference("sparse"):
//
//   x            (N, C, H, W) f32 with contiguous rows
//   w            (O, C, kernel_h, kernel_w) f32, any strides: its nonzeros are stored
//   kernel, strides, dilations, pads=(top, left), output_size=(out_height, out_width)
//   bias         (O,), residual (N, O, OH, OW), activation, activation_alpha, activation_beta
//   rows         (begin, end) of every output image; all of them if absent
//   threads      that the layer is divided for (it runs on the caller's); 1 if absent
//   out          (N, O, OH, OW) with contiguous rows, written in place; made if absent
#include "base/buffer.h"
#include "bindings/planes_argument.h"
#include "bindings/window_argument.h"
#include "kernels/sparse/sparse.h"

namespace fi::bindings {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "sparse: " + reason);
}

struct Arguments {
  Planes<const float> x;
  py::array_t<float> w, bias, residual;
  sparse::Shape shape;
  Activation activation;

  explicit Arguments(const py::kwargs& kwargs)
      : x(planes_argument<const float>(kwargs, "x")),
        w(array_argument<float>(kwargs, "w", 4)),
        bias(array_argument<float>(kwargs, "bias")),
        residual(array_argument<float>(kwargs, "residual")),
        activation(activation_argument(kwargs)) {
    argument(kwargs, "output_size");
    const auto size = ints_argument(kwargs, "output_size", 2, 0);
    shape = {x.batch,    x.channels, x.height, x.width,
             w.shape(0), size[0],    size[1],  window_argument(kwargs)};
    if (size[0] < 0 || size[1] < 0) refuse("a negative output size");
    if (w.shape(1) != x.channels || w.shape(2) != shape.window.kernel_h ||
        w.shape(3) != shape.window.kernel_w)
      refuse("w is not (O, C, kernel_h, kernel_w)");
    if (bias.size() && (bias.ndim() != 1 || bias.shape(0) != shape.outputs))
      refuse("bias is not (O,)");
    if (residual.size()) check_output(residual, "residual");
  }

  void check_output(const py::array& array, const char* name) const {
    const int64_t sizes[] = {shape.batch, shape.outputs, shape.out_height, shape.out_width};
    if (array.ndim() != 4 || !std::equal(sizes, sizes + 4, array.shape())) {
      refuse(std::string(name) + " has not the output's shape");
    }
  }
  template <class T>
  py::array_t<T> made() const {
    return py::array_t<T>({shape.batch, shape.outputs, shape.out_height, shape.out_width});
  }
};

sparse::WeightView weights_of(const py::array_t<float>& w) {
  const TensorView view = view_of(w);
  return {static_cast<const float*>(view.data), view.stride[0], view.stride[1], view.stride[2],
          view.stride[3]};
}

py::object run(const sparse::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  const sparse::Shape& shape = arguments.shape;
  py::array_t<float> out = array_argument<float>(kwargs, "out");
  if (optional_argument(kwargs, "out").is_none()) out = arguments.made<float>();
  arguments.check_output(out, "out");
  sparse::Convolution convolution;
  convolution.input = arguments.x;
  convolution.output = planes_of<float>(out, "out");
  if (arguments.residual.size())
    convolution.residual = planes_of<const float>(arguments.residual, "residual");
  convolution.bias = arguments.bias.size() ? arguments.bias.data() : nullptr;
  convolution.activation = arguments.activation;
  const int64_t threads = int_argument(kwargs, "threads", 1);
  const sparse::Layer layer =
      sparse::layer_of(kernel, shape, arguments.x.plane_stride, arguments.x.rows_join(),
                       static_cast<int>(std::clamp<int64_t>(threads, 1, 1024)));
  const sparse::WeightView weights = weights_of(arguments.w);
  const AlignedBuffer packed(static_cast<int64_t>(sparse::packed_bytes(layer, weights)));
  sparse::pack(layer, weights, packed.as<char>());
  const AlignedBuffer scratch(static_cast<int64_t>(sparse::scratch_bytes(layer)));
  const RowRange rows = rows_argument(kwargs, shape.batch, shape.out_height);
  for (int64_t n = 0; n < shape.batch; ++n) {
    for (int64_t panel = 0; panel < layer.panels; ++panel) {
      sparse::run(layer, convolution, packed.as<char>(), n, rows.begin, rows.end, panel,
                  scratch.as<char>());
    }
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
  sparse::reference(arguments.shape, x.data(), w.data(), bias.size() ? bias.data() : nullptr,
                    residual.size() ? residual.data() : nullptr, arguments.activation,
                    out.mutable_data());
  return out;
}

}  // namespace

void bind_run_sparse(py::module_&) {
  const sparse::Table table = sparse::table();
  for (int i = 0; i < table.count; ++i) {
    const sparse::Kernel* row = table.rows[i];
    py::dict extras;
    extras["pixels"] = row->vectors * row->lanes;
    extras["lanes"] = row->lanes;
    register_kernel(row->info, extras,
                    [row](const py::kwargs& kwargs) { return run(*row, kwargs); });
  }
  register_reference("sparse", &reference);
}

}  // namespace fi::bindings
