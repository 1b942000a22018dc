// The rows of the im2col room, callable alone. Arguments of run_kernel and run_reference("im2col"):
//
//   x            (N, H, W, C) f32 with contiguous channels
//   kernel, strides, dilations, pads=(top, left)
//   output_size  (out_height, out_width)
//   pad_value    0 if absent
//   rows         (begin, end) of the lowered matrix; all of it if absent
//   out          (end - begin, kernel_h * kernel_w * C) with contiguous rows, written in place;
//   made if absent
//
// With strip=(image, begin, end), the matrix of MEC instead, for these output rows: (out_width,
// rows, kernel_w * C); rows that no output reads stay NaN. mec_offsets(...) gives the offsets into
// it: (taps, output pixels of the strip) s32.
//
// im2col_offsets(...) gives the offsets of the gemm's offset form for the same arguments: (taps,
// rows) s32.
#include <algorithm>
#include <limits>

#include "bindings/image_argument.h"
#include "bindings/window_argument.h"
#include "kernels/im2col/mec.h"

namespace fi::bindings {
namespace run_im2col {
namespace {

im2col::Lowering lowering_of(const py::kwargs& kwargs) {
  im2col::Lowering lowering{};
  lowering.input = image_argument<const float>(kwargs, "x");
  lowering.window = window_argument(kwargs);
  argument(kwargs, "output_size");
  const auto size = ints_argument(kwargs, "output_size", 2, 0);
  if (size[0] < 0 || size[1] < 0) throw Error(ErrorKind::shape, "im2col: a negative output size");
  lowering.out_height = size[0];
  lowering.out_width = size[1];
  lowering.pad_value = static_cast<float>(float_argument(kwargs, "pad_value", 0));
  return lowering;
}

py::array_t<float> out_argument(const py::kwargs& kwargs, int64_t rows, int64_t columns) {
  if (optional_argument(kwargs, "out").is_none()) return py::array_t<float>({rows, columns});
  py::array_t<float> out = array_argument<float>(kwargs, "out", 2);
  if (out.shape(0) != rows || out.shape(1) != columns ||
      (columns > 1 && out.strides(1) != out.itemsize())) {
    throw Error(ErrorKind::shape,
                "im2col: out has the wrong shape, or rows that are not contiguous");
  }
  return out;
}

im2col::Strip strip_of(const py::kwargs& kwargs) {
  const im2col::Lowering lowering = lowering_of(kwargs);
  const auto range = ints_argument(kwargs, "strip", 3, -1);
  const im2col::Strip strip{lowering, range[0], range[1], range[2]};
  if (strip.image < 0 || strip.image >= lowering.input.batch || strip.begin < 0 ||
      strip.begin >= strip.end || strip.end > lowering.out_height) {
    throw Error(ErrorKind::value, "the strip is outside");
  }
  return strip;
}

py::object run_strip(const im2col::Kernel& kernel, const py::kwargs& kwargs) {
  const im2col::Strip strip = strip_of(kwargs);
  py::array_t<float> out({strip.lowering.out_width, strip.rows(), strip.row()});
  std::fill_n(out.mutable_data(), out.size(), std::numeric_limits<float>::quiet_NaN());
  im2col::lower_strip(kernel, strip, out.mutable_data());
  return out;
}

py::array_t<int32_t> strip_offsets(const py::kwargs& kwargs) {
  const im2col::Strip strip = strip_of(kwargs);
  const int rows = static_cast<int>(strip.pixels());
  py::array_t<int32_t> out({static_cast<int64_t>(im2col::strip_taps(strip.lowering.window)),
                            static_cast<int64_t>(rows)});
  im2col::fill_strip_offsets(&strip, 0, rows, rows, out.mutable_data());
  return out;
}

py::object run(const im2col::Kernel& kernel, const py::kwargs& kwargs) {
  if (!optional_argument(kwargs, "strip").is_none()) return run_strip(kernel, kwargs);
  const im2col::Lowering lowering = lowering_of(kwargs);
  int64_t begin = 0, end = lowering.rows();
  if (!optional_argument(kwargs, "rows").is_none()) {
    const auto range = ints_argument(kwargs, "rows", 2, 0);
    if (range[0] < 0 || range[0] > range[1] || range[1] > end)
      throw Error(ErrorKind::value, "rows are outside");
    begin = range[0];
    end = range[1];
  }
  py::array_t<float> out = out_argument(kwargs, end - begin, lowering.columns());
  kernel.run(lowering, begin, end, out.mutable_data(),
             out.strides(0) / static_cast<int64_t>(sizeof(float)));
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const im2col::Lowering lowering = lowering_of(kwargs);
  py::array_t<float> out({lowering.rows(), lowering.columns()});
  im2col::reference(lowering, out.mutable_data());
  return out.attr("astype")("float64");
}

py::array_t<int32_t> offsets(const py::kwargs& kwargs) {
  const im2col::Lowering lowering = lowering_of(kwargs);
  if (!im2col::offsets_fit(lowering))
    throw Error(ErrorKind::unsupported, "offsets do not fit 32 bits");
  py::array_t<int32_t> out({lowering.window.taps(), lowering.rows()});
  const int rows = static_cast<int>(lowering.rows());
  im2col::fill_offsets(&lowering, 0, rows, rows, out.mutable_data());
  return out;
}

}  // namespace
}  // namespace run_im2col

void bind_run_im2col(py::module_& module) {
  using namespace run_im2col;
  register_rows(im2col::table(), &run, [](const im2col::Kernel&) { return py::dict(); });
  register_reference("im2col", &reference);
  module.def("im2col_offsets", &offsets,
             "Byte offsets (taps, rows) of implicit im2col; -2**31 is the pad row.");
  module.def("mec_offsets", &strip_offsets, "Byte offsets (taps, pixels) into MEC's matrix.");
}

}  // namespace fi::bindings
