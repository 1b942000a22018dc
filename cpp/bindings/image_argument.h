// NHWC images and small integer lists from keyword arguments of run_kernel().
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "bindings/kernel_registry.h"

namespace fi::bindings {

/// A 4-D array (N, H, W, C) in its own strides; its channels must be contiguous.
template <class T>
Image<T> image_of(const py::array& array, const char* name) {
  if (array.ndim() != 4) raise_rank(name, array.ndim(), 4);
  const TensorView view = view_of(array);
  if (view.shape[3] > 1 && view.stride[3] != 1) {
    throw Error(ErrorKind::shape, std::string(name) + ": channels are not contiguous");
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
Image<T> image_argument(const py::kwargs& kwargs, const char* name) {
  using Element = std::remove_const_t<T>;
  argument(kwargs, name);
  return image_of<T>(array_argument<Element>(kwargs, name, 4), name);
}

/// kwargs[name], `count` integers; all of them `fallback` if it is absent.
inline std::vector<int64_t> ints_argument(const py::kwargs& kwargs, const char* name, size_t count,
                                          int64_t fallback) {
  const py::object value = optional_argument(kwargs, name);
  if (value.is_none()) return std::vector<int64_t>(count, fallback);
  const auto list = value.cast<py::sequence>();
  std::vector<int64_t> out;
  for (const py::handle item : list) out.push_back(item.cast<int64_t>());
  if (out.size() != count)
    throw Error(ErrorKind::attribute, std::string(name) + " has the wrong length");
  return out;
}

/// kwargs[name] as a C-contiguous float64 copy, for the references.
inline py::array_t<double> double_argument(const py::kwargs& kwargs, const char* name) {
  return py::array_t<double, py::array::c_style | py::array::forcecast>::ensure(
      argument(kwargs, name));
}

/// rows=(begin, end) of every image of y; all of them if it is absent.
inline RowRange rows_argument(const py::kwargs& kwargs, int64_t batch, int64_t height) {
  RowRange rows{0, batch, 0, height};
  if (!optional_argument(kwargs, "rows").is_none()) {
    const auto range = ints_argument(kwargs, "rows", 2, 0);
    if (range[0] < 0 || range[0] > range[1] || range[1] > height) {
      throw Error(ErrorKind::value, "rows are outside y");
    }
    rows.begin = range[0];
    rows.end = range[1];
  }
  return rows;
}

}  // namespace fi::bindings
