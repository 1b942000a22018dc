// The rows of the sparse room, callable alone. Arguments of run_kernel and
// run_reference("sparse"): those of convolution_arguments.h (NCHW), a window, and
//
//   w        (O, C, kernel_h, kernel_w) f32, any strides: its nonzeros are stored
//   threads  that the layer is divided for (it runs on the caller's); 1 if absent
#include <algorithm>

#include "base/buffer.h"
#include "bindings/convolution_arguments.h"
#include "kernels/sparse/sparse.h"

namespace fi::bindings {
namespace run_sparse {
namespace {

struct Arguments : ConvolutionArguments {
  sparse::Shape shape;

  explicit Arguments(const py::kwargs& kwargs)
      : ConvolutionArguments(kwargs, "sparse", Layout::nchw, 4),
        shape{batch,   channels,   height,    width,
              outputs, out_height, out_width, window_argument(kwargs)} {
    if (w.shape(1) != channels || w.shape(2) != shape.window.kernel_h ||
        w.shape(3) != shape.window.kernel_w)
      refuse("w is not (O, C, kernel_h, kernel_w)");
  }
};

py::object run(const sparse::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const py::array_t<float> out = a.output(kwargs);
  sparse::Convolution convolution;
  convolution.input = planes_of<const float>(a.x, "x");
  a.fill(convolution, out);
  const int64_t threads = std::clamp<int64_t>(int_argument(kwargs, "threads", 1), 1, 1024);
  const sparse::Layer layer =
      sparse::layer_of(kernel, a.shape, convolution.input.plane_stride,
                       convolution.input.rows_join(), static_cast<int>(threads));
  const auto weights = a.weights<sparse::WeightView>();
  const AlignedBuffer packed(static_cast<int64_t>(sparse::packed_bytes(layer, weights)));
  sparse::pack(layer, weights, packed.as<char>());
  const AlignedBuffer scratch(static_cast<int64_t>(sparse::scratch_bytes(layer)));
  const RowRange rows = a.rows(kwargs);
  for (int64_t n = 0; n < a.batch; ++n) {
    for (int64_t panel = 0; panel < layer.panels; ++panel) {
      sparse::run(layer, convolution, packed.as<char>(), n, rows.begin, rows.end, panel,
                  scratch.as<char>());
    }
  }
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const ConvolutionDoubles d(kwargs);
  auto out = a.new_output<double>();
  sparse::reference(a.shape, d.x.data(), d.w.data(), d.bias_data(), d.residual_data(), a.activation,
                    out.mutable_data());
  return out;
}

py::dict extras_of(const sparse::Kernel& kernel) {
  py::dict extras;
  extras["pixels"] = kernel.vectors * kernel.lanes;
  extras["lanes"] = kernel.lanes;
  return extras;
}

}  // namespace
}  // namespace run_sparse

void bind_run_sparse(py::module_&) {
  using namespace run_sparse;
  register_rows(sparse::table(), &run, &extras_of);
  register_reference("sparse", &reference);
}

}  // namespace fi::bindings
