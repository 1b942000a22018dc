// 4-D activations from keyword arguments of run_kernel(): NHWC images, NCHW planes.
#pragma once

#include <string>
#include <type_traits>

#include "base/error.h"
#include "bindings/kernel_registry.h"

namespace fi::bindings {

/// A 4-D array in its own strides, axes in the View's order; its last axis must be contiguous.
template <class View>
View four_axes_of(const py::array& array, const char* name) {
  if (array.ndim() != 4) raise_rank(name, array.ndim(), 4);
  const TensorView view = view_of(array);
  if (view.shape[3] > 1 && view.stride[3] != 1) {
    throw Error(ErrorKind::shape, std::string(name) + ": its last axis is not contiguous");
  }
  return {static_cast<decltype(View::data)>(view.data),
          view.shape[0],
          view.shape[1],
          view.shape[2],
          view.shape[3],
          view.stride[0],
          view.stride[1],
          view.stride[2]};
}

/// (N, H, W, C).
template <class T>
Image<T> image_of(const py::array& array, const char* name) {
  return four_axes_of<Image<T>>(array, name);
}

/// (N, C, H, W).
template <class T>
Planes<T> planes_of(const py::array& array, const char* name) {
  return four_axes_of<Planes<T>>(array, name);
}

template <class T>
Image<T> image_argument(const py::kwargs& kwargs, const char* name) {
  argument(kwargs, name);
  return image_of<T>(array_argument<std::remove_const_t<T>>(kwargs, name, 4), name);
}

template <class T>
Planes<T> planes_argument(const py::kwargs& kwargs, const char* name) {
  argument(kwargs, name);
  return planes_of<T>(array_argument<std::remove_const_t<T>>(kwargs, name, 4), name);
}

/// rows=(begin, end) of every image of y; all of them if it is absent.
inline RowRange rows_argument(const py::kwargs& kwargs, int64_t batch, int64_t height) {
  if (optional_argument(kwargs, "rows").is_none()) return {0, batch, 0, height};
  const auto range = ints_argument(kwargs, "rows", 2, 0);
  if (range[0] < 0 || range[0] > range[1] || range[1] > height) {
    throw Error(ErrorKind::value, "rows are outside y");
  }
  return {0, batch, range[0], range[1]};
}

}  // namespace fi::bindings
