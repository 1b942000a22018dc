#include "bindings/convolution_arguments.h"

#include <algorithm>

namespace fi::bindings {
namespace {

py::array_t<double> doubles(const py::kwargs& kwargs, const char* name) {
  return optional_argument(kwargs, name).is_none() ? py::array_t<double>(0)
                                                   : double_argument(kwargs, name);
}

}  // namespace

ConvolutionArguments::ConvolutionArguments(const py::kwargs& kwargs, const char* room,
                                           Layout layout, int w_rank)
    : room(room),
      layout(layout),
      x(array_argument<float>(kwargs, "x", 4)),
      w(array_argument<float>(kwargs, "w", w_rank)),
      bias(array_argument<float>(kwargs, "bias")),
      residual(array_argument<float>(kwargs, "residual")),
      activation(activation_argument(kwargs)) {
  for (const char* name : {"x", "w", "output_size"}) argument(kwargs, name);
  const auto size = ints_argument(kwargs, "output_size", 2, 0);
  const bool planar = layout == Layout::nchw;
  batch = x.shape(0);
  channels = x.shape(planar ? 1 : 3);
  height = x.shape(planar ? 2 : 1);
  width = x.shape(planar ? 3 : 2);
  outputs = w.shape(0);
  out_height = size[0];
  out_width = size[1];
  if (out_height < 0 || out_width < 0) refuse("a negative output size");
  if (bias.size() && (bias.ndim() != 1 || bias.shape(0) != outputs)) refuse("bias is not (O,)");
  if (residual.size()) check_output(residual, "residual");
}

void ConvolutionArguments::refuse(const std::string& reason) const {
  throw Error(ErrorKind::shape, std::string(room) + ": " + reason);
}

std::array<py::ssize_t, 4> ConvolutionArguments::output_shape() const {
  if (layout == Layout::nchw) return {batch, outputs, out_height, out_width};
  return {batch, out_height, out_width, outputs};
}

void ConvolutionArguments::check_output(const py::array& array, const char* name) const {
  const auto shape = output_shape();
  if (array.ndim() != 4 || !std::equal(shape.begin(), shape.end(), array.shape())) {
    refuse(std::string(name) + " has not the output's shape");
  }
}

py::array_t<float> ConvolutionArguments::output(const py::kwargs& kwargs) const {
  if (optional_argument(kwargs, "out").is_none()) return new_output<float>();
  py::array_t<float> out = array_argument<float>(kwargs, "out");
  check_output(out, "out");
  return out;
}

DepthwiseArguments::DepthwiseArguments(const py::kwargs& kwargs, const char* room, Layout layout)
    : ConvolutionArguments(kwargs, room, layout, 2), window(window_argument(kwargs)) {
  if (channels < 1 || outputs < 1 || outputs % channels)
    refuse("w is not of a multiple of C channels");
  if (w.shape(1) != window.taps() || !(w.flags() & py::array::c_style))
    refuse("w is not (channels, taps), dense");
  multiplier = static_cast<int32_t>(outputs / channels);
}

void raise_not_accepted(const KernelInfo& kernel) {
  throw Error(ErrorKind::unsupported, std::string(kernel.name) + " does not take this layer");
}

std::array<int64_t, 2> pads_argument(const py::kwargs& kwargs) {
  const auto pads = ints_argument(kwargs, "pads", 2, 0);
  for (const int64_t pad : pads) {
    if (pad < INT32_MIN || pad > INT32_MAX) throw Error(ErrorKind::attribute, "a bad padding");
  }
  return {pads[0], pads[1]};
}

ConvolutionDoubles::ConvolutionDoubles(const py::kwargs& kwargs)
    : x(double_argument(kwargs, "x")),
      w(double_argument(kwargs, "w")),
      bias(doubles(kwargs, "bias")),
      residual(doubles(kwargs, "residual")) {}

}  // namespace fi::bindings
