// The keyword arguments that every convolution takes, read and checked once for all rooms:
//
//   x            (N, H, W, C) f32; of planar rooms (N, C, H, W)
//   w            f32, its first axis the output channels O; its shape is the room's to check
//   output_size  (out_height, out_width)
//   bias         (O,), residual of the output's shape, activation, activation_alpha,
//                activation_beta
//   rows         (begin, end) of every output image; all of them if absent (the others keep what
//                out holds)
//   out          (N, out_height, out_width, O), of planar rooms (N, O, out_height, out_width), its
//                last axis contiguous; written in place, made if absent
//
// A room adds its window, which it reads itself (window_argument()).
#pragma once

#include <array>
#include <string>
#include <type_traits>

#include "bindings/image_argument.h"
#include "bindings/window_argument.h"

namespace fi::bindings {

enum class Layout { nhwc, nchw };

struct ConvolutionArguments {
  const char* room;  // named in errors
  Layout layout;
  py::array_t<float> x, w, bias, residual;
  Activation activation;
  int64_t batch, channels, height, width;
  int64_t outputs, out_height, out_width;

  /// Throws Error for a missing argument and for shapes that disagree.
  ConvolutionArguments(const py::kwargs& kwargs, const char* room, Layout layout, int w_rank);

  [[noreturn]] void refuse(const std::string& reason) const;
  void check_output(const py::array& array, const char* name) const;

  template <class T>
  py::array_t<T> new_output() const {
    return py::array_t<T>(output_shape());
  }
  /// kwargs["out"], or a new array.
  py::array_t<float> output(const py::kwargs& kwargs) const;
  RowRange rows(const py::kwargs& kwargs) const { return rows_argument(kwargs, batch, out_height); }

  /// Sets the members that all rooms' convolutions have under these names, but for `input`: output,
  /// residual, bias, activation.
  template <class Convolution>
  void fill(Convolution& convolution, const py::array_t<float>& out) const {
    using Output = decltype(convolution.output);
    using Residual = decltype(convolution.residual);
    convolution.output = four_axes_of<Output>(out, "out");
    if (residual.size()) convolution.residual = four_axes_of<Residual>(residual, "residual");
    convolution.bias = bias.size() ? bias.data() : nullptr;
    convolution.activation = activation;
  }

  /// w (O, C, KH, KW) in its own strides, as a room's WeightView: data, then the four strides.
  template <class View>
  View weights() const {
    const TensorView view = view_of(w);
    return {static_cast<const float*>(view.data), view.stride[0], view.stride[1], view.stride[2],
            view.stride[3]};
  }

 private:
  std::array<py::ssize_t, 4> output_shape() const;
};

/// Those of a depthwise convolution: its window too, and w (C * multiplier, taps), dense.
struct DepthwiseArguments : ConvolutionArguments {
  Window window;
  int32_t multiplier;

  DepthwiseArguments(const py::kwargs& kwargs, const char* room, Layout layout);
};

/// What a row throws whose room does not accept a layer.
[[noreturn]] void raise_not_accepted(const KernelInfo& kernel);

/// pads=(top, left), 0 if absent; unlike those of a Window they may be negative.
std::array<int64_t, 2> pads_argument(const py::kwargs& kwargs);

/// The same arrays as dense float64, for the references.
struct ConvolutionDoubles {
  py::array_t<double> x, w, bias, residual;

  explicit ConvolutionDoubles(const py::kwargs& kwargs);
  const double* bias_data() const { return bias.size() ? bias.data() : nullptr; }
  const double* residual_data() const { return residual.size() ? residual.data() : nullptr; }
};

}  // namespace fi::bindings
