// NCHW images from keyword arguments of run_kernel().
#pragma once

#include <string>

#include "base/error.h"
#include "bindings/kernel_registry.h"

namespace fi::bindings {

/// A 4-D array (N, C, H, W) in its own strides; the pixels of a row must be contiguous.
template <class T>
Planes<T> planes_of(const py::array& array, const char* name) {
  if (array.ndim() != 4) raise_rank(name, array.ndim(), 4);
  const TensorView view = view_of(array);
  if (view.shape[3] > 1 && view.stride[3] != 1) {
    throw Error(ErrorKind::shape, std::string(name) + ": the pixels of a row are not contiguous");
  }
  return {static_cast<T*>(view.data),
          view.shape[0],
          view.shape[1],
          view.shape[2],
          view.shape[3],
          view.stride[0],
          view.stride[1],
          view.stride[2]};
}

template <class T>
Planes<T> planes_argument(const py::kwargs& kwargs, const char* name) {
  using Element = std::remove_const_t<T>;
  argument(kwargs, name);
  return planes_of<T>(array_argument<Element>(kwargs, name, 4), name);
}

}  // namespace fi::bindings
