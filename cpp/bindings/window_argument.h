// The window of a convolution from keyword arguments of run_kernel().
#pragma once

#include "base/error.h"
#include "base/window.h"
#include "bindings/kernel_registry.h"

namespace fi::bindings {

/// kernel=(h, w), strides, dilations (1, 1 if absent), pads=(top, left) (0, 0 if absent).
inline Window window_argument(const py::kwargs& kwargs) {
  argument(kwargs, "kernel");
  const auto kernel = ints_argument(kwargs, "kernel", 2, 1),
             strides = ints_argument(kwargs, "strides", 2, 1),
             dilations = ints_argument(kwargs, "dilations", 2, 1),
             pads = ints_argument(kwargs, "pads", 2, 0);
  const auto at = [](const std::vector<int64_t>& values, int i, int64_t least) {
    const int64_t value = values[static_cast<size_t>(i)];
    if (value < least || value > INT32_MAX) throw Error(ErrorKind::attribute, "a bad window");
    return static_cast<int32_t>(value);
  };
  return {at(kernel, 0, 1),    at(kernel, 1, 1),    at(strides, 0, 1), at(strides, 1, 1),
          at(dilations, 0, 1), at(dilations, 1, 1), at(pads, 0, 0),    at(pads, 1, 0)};
}

}  // namespace fi::bindings
