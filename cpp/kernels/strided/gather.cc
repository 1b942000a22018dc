// Gather, GatherElements and GatherND are one operation: y is walked together with the index that
// each element's place in data depends on, and with the part of that place that it does not.
#include <cstring>
#include <string>

#include "base/error.h"
#include "kernels/strided/coordinates.h"
#include "kernels/strided/index.h"
#include "kernels/strided/row.h"

namespace fi::strided {
namespace {

void require_shape(bool fits, const char* what) {
  if (!fits) throw Error(ErrorKind::shape, std::string(what) + ": the result's shape does not fit");
}

/// A view of y's shape that does not move until its axes are given strides.
TensorView still(const TensorView& y, DType dtype) {
  TensorView v = y;
  v.dtype = dtype;
  for (int64_t& stride : v.stride) stride = 0;
  return v;
}

/// The places that a row of indices selects, kept for the rows after it that have the same: those
/// of a picture whose channels are gathered, which are the innermost axis.
class Places {
 public:
  /// False if an index is out of range.
  bool find(const Coordinates& coordinates, const char* index, int64_t step, int64_t n) {
    if (index == index_ && n == n_) return true;
    index_ = nullptr;
    for (int64_t i = 0; i < n; ++i) {
      if (!coordinates.offset(index + i * step, &places_[i])) return false;
    }
    index_ = index;
    n_ = n;
    return true;
  }

  void gather(const char* data, char* y, int64_t y_step, int64_t n) const {
    for (int64_t i = 0; i < n; ++i) std::memcpy(y + i * y_step, data + places_[i], 4);
  }

 private:
  const char* index_ = nullptr;
  int64_t n_ = 0;
  int64_t places_[kRow];
};

class Gather : public Operation {
 public:
  /// data and indices have y's shape (see still()).
  Gather(const TensorView& data, const TensorView& indices, const TensorView& y,
         const Coordinates& coordinates)
      : coordinates_(coordinates), size_(element_size(y)) {
    Nest nest = make_nest({&data, &indices, &y});
    simplify(nest, 2);
    rows_ = Rows(nest, kTaskElements);
    tasks_ = rows_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    bool inside = true;
    Places places;
    rows_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      const char* data = static_cast<const char*>(at.in[0]) + offset[0];
      const char* index = static_cast<const char*>(at.in[1]) + offset[1];
      char* y = static_cast<char*>(at.out[0]) + offset[2];
      if (rows_.step[0] == 0 && size_ == 4 && n <= kRow) {
        if (places.find(coordinates_, index, rows_.step[1], n)) {
          places.gather(data, y, rows_.step[2], n);
        } else {
          inside = false;
        }
        return;
      }
      const bool one_index = rows_.step[1] == 0;
      const int64_t run = one_index ? n : 1;
      for (int64_t i = 0; i < n; i += run) {
        int64_t place;
        if (!coordinates_.offset(index + i * rows_.step[1], &place)) {
          inside = false;
          continue;
        }
        move_row(size_, data + place + i * rows_.step[0], rows_.step[0], y + i * rows_.step[2],
                 rows_.step[2], run);
      }
    });
    return inside;
  }

 private:
  Coordinates coordinates_;
  int64_t size_;
  Rows rows_;
};

void require_indices(const TensorView& indices, const char* what) {
  if (indices.dtype != DType::s64 && indices.dtype != DType::s32) {
    throw Error(ErrorKind::dtype, std::string(what) + ": indices must be s64 or s32");
  }
}

void require_data(const TensorView& data, const TensorView& y, const char* what) {
  require_bytes(data, what);
  require_same_dtype(data, y, what);
}

}  // namespace

Coordinates axis_coordinates(const TensorView& data, const TensorView& indices, int axis,
                             const char* what) {
  require_indices(indices, what);
  Coordinates c;
  c.count = 1;
  c.wide = indices.dtype == DType::s64;
  c.limit[0] = data.shape[axis];
  c.stride[0] = data.stride[axis] * element_size(data);
  return c;
}

Coordinates tuple_coordinates(const TensorView& data, const TensorView& indices, int first,
                              const char* what) {
  require_indices(indices, what);
  if (indices.rank < 1 || indices.shape[indices.rank - 1] > data.rank - first) {
    throw Error(ErrorKind::shape, std::string(what) + ": more coordinates than axes");
  }
  Coordinates c;
  c.count = static_cast<int>(indices.shape[indices.rank - 1]);
  c.step = indices.stride[indices.rank - 1] * element_size(indices);
  c.wide = indices.dtype == DType::s64;
  for (int d = 0; d < c.count; ++d) {
    c.limit[d] = data.shape[first + d];
    c.stride[d] = data.stride[first + d] * element_size(data);
  }
  return c;
}

OperationPtr make_gather(const TensorView& data, const TensorView& indices, const TensorView& y,
                         int axis) {
  axis = normalize_axis(axis, data.rank, "gather");
  require_data(data, y, "gather");
  const Coordinates coordinates = axis_coordinates(data, indices, axis, "gather");
  require_shape(y.rank == data.rank + indices.rank - 1, "gather");
  TensorView from = still(y, data.dtype), index = still(y, indices.dtype);
  for (int d = 0; d < y.rank; ++d) {
    const bool of_index = d >= axis && d < axis + indices.rank;
    const int source = of_index ? d - axis : d < axis ? d : d - indices.rank + 1;
    const TensorView& v = of_index ? indices : data;
    require_shape(y.shape[d] == v.shape[source], "gather");
    (of_index ? index : from).stride[d] = v.stride[source];
  }
  return std::make_unique<Gather>(from, index, y, coordinates);
}

OperationPtr make_gather_elements(const TensorView& data, const TensorView& indices,
                                  const TensorView& y, int axis) {
  axis = normalize_axis(axis, data.rank, "gather_elements");
  require_data(data, y, "gather_elements");
  require_same_shape(indices, y, "gather_elements");
  const Coordinates coordinates = axis_coordinates(data, indices, axis, "gather_elements");
  require_shape(y.rank == data.rank, "gather_elements");
  TensorView from = still(y, data.dtype);
  for (int d = 0; d < y.rank; ++d) {
    if (d == axis) continue;
    require_shape(y.shape[d] <= data.shape[d], "gather_elements");
    from.stride[d] = data.stride[d];
  }
  return std::make_unique<Gather>(from, indices, y, coordinates);
}

OperationPtr make_gather_nd(const TensorView& data, const TensorView& indices, const TensorView& y,
                            int batch_dims) {
  require_data(data, y, "gather_nd");
  require_shape(batch_dims >= 0 && batch_dims < indices.rank && batch_dims <= data.rank,
                "gather_nd");
  const Coordinates coordinates = tuple_coordinates(data, indices, batch_dims, "gather_nd");
  const int outer = indices.rank - 1, first = batch_dims + coordinates.count;
  require_shape(y.rank == outer + data.rank - first, "gather_nd");
  TensorView from = still(y, data.dtype), index = still(y, indices.dtype);
  for (int d = 0; d < y.rank; ++d) {
    const int axis = d < batch_dims ? d : d - outer + first;  // of data, but between them
    const bool of_index = d < outer, of_data = d < batch_dims || d >= outer;
    require_shape(!of_index || y.shape[d] == indices.shape[d], "gather_nd");
    require_shape(!of_data || y.shape[d] == data.shape[axis], "gather_nd");
    if (of_index) index.stride[d] = indices.stride[d];
    if (of_data) from.stride[d] = data.stride[axis];
  }
  return std::make_unique<Gather>(from, index, y, coordinates);
}

}  // namespace fi::strided
