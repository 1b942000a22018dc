#include "kernels/strided/dynamic.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "kernels/strided/iterator.h"
#include "kernels/strided/row.h"

namespace fi::strided {
namespace {

DynamicArray make_array(DType dtype, std::vector<int64_t> shape) {
  DynamicArray array{dtype, std::move(shape), {}};
  int64_t n = 1;
  for (int64_t length : array.shape) n *= length;
  array.bytes.resize(byte_size(dtype, n));
  return array;
}

/// All loops of x in row-major order, those of length 1 too.
Nest logical_nest(const TensorView& x) {
  Nest nest;
  nest.operands = 1;
  nest.rank = x.rank;
  for (int d = 0; d < x.rank; ++d) {
    nest.shape[d] = x.shape[d];
    nest.stride[0][d] = x.stride[d] * element_size(x);
  }
  return nest;
}

/// body(flat row-major position) for each nonzero element.
template <class Body>
void each_nonzero(const TensorView& x, Body&& body) {
  const Rows rows(logical_nest(x), kRow);
  const Convert convert = converter(x.dtype, DType::boolean);
  RowBuffer gathered, converted;
  int64_t position = 0;
  rows.for_each(0, rows.tasks, [&](const int64_t* offset, int64_t n) {
    const auto* flags = static_cast<const uint8_t*>(
        read_row(element_size(x), convert, static_cast<const char*>(x.data) + offset[0],
                 rows.step[0], n, gathered, converted));
    for (int64_t i = 0; i < n; ++i) {
      if (flags[i]) body(position + i);
    }
    position += n;
  });
}

}  // namespace

TensorView DynamicArray::view() {
  TensorView v;
  v.data = bytes.data();
  v.dtype = dtype;
  v.rank = static_cast<int>(shape.size());
  int64_t stride = 1;
  for (int d = v.rank - 1; d >= 0; --d) {
    v.shape[d] = shape[d];
    v.stride[d] = stride;
    stride *= shape[d];
  }
  return v;
}

DynamicArray nonzero(const TensorView& x) {
  require_bytes(x, "nonzero");
  std::vector<int64_t> found;
  each_nonzero(x, [&](int64_t position) { found.push_back(position); });
  const int64_t count = static_cast<int64_t>(found.size());
  DynamicArray y = make_array(DType::s64, {x.rank, count});
  auto* out = reinterpret_cast<int64_t*>(y.bytes.data());
  for (int64_t j = 0; j < count; ++j) {
    int64_t left = found[j];
    for (int d = x.rank - 1; d >= 0; --d) {
      out[d * count + j] = left % x.shape[d];
      left /= x.shape[d];
    }
  }
  return y;
}

DynamicArray compress(const TensorView& x, const TensorView& condition, int axis, bool flat) {
  require_bytes(x, "compress");
  require_dtype(condition, DType::boolean, "compress");
  if (condition.rank != 1) throw Error(ErrorKind::shape, "compress: the condition has one axis");
  DynamicArray dense;  // flat: x in row-major order
  TensorView from = x;
  if (flat) {
    dense = make_array(x.dtype, {element_count(x)});
    from = dense.view();
    const Rows rows(logical_nest(x), INT64_MAX);
    char* to = static_cast<char*>(from.data);
    rows.for_each(0, rows.tasks, [&](const int64_t* offset, int64_t n) {
      const int64_t size = element_size(x);
      move_row(size, static_cast<const char*>(x.data) + offset[0], rows.step[0], to, size, n);
      to += n * size;
    });
  }
  axis = flat ? 0 : normalize_axis(axis, x.rank, "compress");
  if (condition.shape[0] > from.shape[axis]) {
    throw Error(ErrorKind::shape, "compress: the condition is longer than the axis");
  }
  std::vector<int64_t> kept;
  each_nonzero(condition, [&](int64_t position) { kept.push_back(position); });
  std::vector<int64_t> shape(from.shape, from.shape + from.rank);
  shape[axis] = static_cast<int64_t>(kept.size());
  DynamicArray y = make_array(x.dtype, shape);
  TensorView slice_x = from, slice_y = y.view();
  slice_x.shape[axis] = slice_y.shape[axis] = 1;
  Nest nest = make_nest({&slice_x, &slice_y});
  simplify(nest, 1);
  const Rows rows(nest, INT64_MAX);
  const int64_t size = element_size(x);
  for (size_t k = 0; k < kept.size(); ++k) {
    const char* in = static_cast<const char*>(from.data) + kept[k] * from.stride[axis] * size;
    char* out =
        static_cast<char*>(slice_y.data) + static_cast<int64_t>(k) * slice_y.stride[axis] * size;
    rows.for_each(0, rows.tasks, [&](const int64_t* offset, int64_t n) {
      move_row(size, in + offset[0], rows.step[0], out + offset[1], rows.step[1], n);
    });
  }
  return y;
}

}  // namespace fi::strided
