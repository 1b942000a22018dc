// ScatterElements and ScatterND: a copy, then the updates in order on one thread, so that the last
// of several to one place wins.
#include <string>

#include "base/error.h"
#include "kernels/strided/binary_loops.h"
#include "kernels/strided/coordinates.h"
#include "kernels/strided/copy.h"
#include "kernels/strided/index.h"
#include "kernels/strided/row.h"

namespace fi::strided {
namespace {

/// The loop that combines old and update; null replaces.
DenseLoop combine_loop(std::string_view reduction, DType as) {
  if (as == DType::boolean) {
    if (reduction == "max" || reduction == "add") return boolean_function("or");
    if (reduction == "min" || reduction == "mul") return boolean_function("and");
    return nullptr;
  }
  switch (accumulator_dtype(as)) {
    case DType::f64:
      return float_function(reduction, as);
    case DType::s64:
      return signed_function(reduction, as);
    default:
      return unsigned_function(reduction, as);
  }
}

class Scatter : public Operation {
 public:
  /// `places` and indices have the updates' shape; places is y without the indexed axes.
  Scatter(OperationPtr copy, const TensorView& places, const TensorView& indices,
          const TensorView& updates, const Coordinates& coordinates, DenseLoop combine)
      : copy_(std::move(copy)),
        coordinates_(coordinates),
        combine_(combine),
        size_(element_size(updates)),
        load_(converter(updates.dtype, compute_dtype(updates.dtype))),
        store_(converter(compute_dtype(updates.dtype), updates.dtype)) {
    Nest nest = make_nest({&places, &indices, &updates});
    coalesce(nest);
    rows_ = Rows(nest, kRow);
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void* scratch) const override {
    if (begin >= end) return true;
    if (at.in[0] != at.out[0]) copy_->run(at, 0, copy_->tasks(), scratch);
    bool inside = true;
    rows_.for_each(0, rows_.tasks, [&](const int64_t* offset, int64_t n) {
      const char* index = static_cast<const char*>(at.in[1]) + offset[1];
      const bool one_index = rows_.step[1] == 0 && rows_.step[0] != 0;
      const int64_t run = one_index ? n : 1;
      for (int64_t i = 0; i < n; i += run) {
        int64_t place;
        if (!coordinates_.offset(index + i * rows_.step[1], &place)) {
          inside = false;
          continue;
        }
        put(static_cast<char*>(at.out[0]) + offset[0] + place + i * rows_.step[0],
            static_cast<const char*>(at.in[2]) + offset[2] + i * rows_.step[2], run);
      }
    });
    return inside;
  }

 private:
  void put(char* y, const char* update, int64_t n) const {
    if (!combine_) {
      move_row(size_, update, rows_.step[2], y, rows_.step[0], n);
      return;
    }
    RowBuffer buffers[4], result;
    const void* in[2] = {read_row(size_, load_, y, rows_.step[0], n, buffers[0], buffers[1]),
                         read_row(size_, load_, update, rows_.step[2], n, buffers[2], buffers[3])};
    combine_(in, result.bytes, n, {});
    write_row(size_, store_, result.bytes, y, rows_.step[0], n, buffers[0]);
  }

  OperationPtr copy_;
  Coordinates coordinates_;
  DenseLoop combine_;
  int64_t size_;
  Convert load_, store_;
  Rows rows_;
};

void require(bool fits, const char* what) {
  if (!fits) throw Error(ErrorKind::shape, std::string(what) + ": the shapes do not fit together");
}

OperationPtr make_scatter(const TensorView& data, const TensorView& y, const TensorView& places,
                          const TensorView& indices, const TensorView& updates,
                          const Coordinates& coordinates, std::string_view reduction,
                          const char* what) {
  require_same_dtype(data, y, what);
  require_same_dtype(data, updates, what);
  DenseLoop combine = nullptr;
  if (reduction != "none") {
    const bool known =
        reduction == "add" || reduction == "mul" || reduction == "max" || reduction == "min";
    if (known) combine = combine_loop(reduction, compute_dtype(y.dtype));
    if (!combine) {
      throw Error(ErrorKind::attribute,
                  std::string(what) + ": reduction " + std::string(reduction));
    }
  }
  return std::make_unique<Scatter>(make_copy(data, y), places, indices, updates, coordinates,
                                   combine);
}

}  // namespace

OperationPtr make_scatter_elements(const TensorView& data, const TensorView& indices,
                                   const TensorView& updates, const TensorView& y, int axis,
                                   std::string_view reduction) {
  const char* what = "scatter_elements";
  axis = normalize_axis(axis, data.rank, what);
  require_same_shape(data, y, what);
  require_same_shape(indices, updates, what);
  require(indices.rank == y.rank, what);
  TensorView places = updates;
  for (int d = 0; d < y.rank; ++d) {
    require(d == axis || indices.shape[d] <= y.shape[d], what);
    places.stride[d] = d == axis ? 0 : y.stride[d];
  }
  return make_scatter(data, y, places, indices, updates, axis_coordinates(y, indices, axis, what),
                      reduction, what);
}

OperationPtr make_scatter_nd(const TensorView& data, const TensorView& indices,
                             const TensorView& updates, const TensorView& y,
                             std::string_view reduction) {
  const char* what = "scatter_nd";
  require_same_shape(data, y, what);
  const Coordinates coordinates = tuple_coordinates(y, indices, 0, what);
  const int outer = indices.rank - 1;
  require(updates.rank == outer + y.rank - coordinates.count, what);
  TensorView places = updates, index = updates;
  index.dtype = indices.dtype;
  for (int d = 0; d < updates.rank; ++d) {
    const int axis = d - outer + coordinates.count;
    require(updates.shape[d] == (d < outer ? indices.shape[d] : y.shape[axis]), what);
    places.stride[d] = d < outer ? 0 : y.stride[axis];
    index.stride[d] = d < outer ? indices.stride[d] : 0;
  }
  return make_scatter(data, y, places, index, updates, coordinates, reduction, what);
}

}  // namespace fi::strided
