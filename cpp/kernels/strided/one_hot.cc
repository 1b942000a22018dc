#include <string>

#include "base/error.h"
#include "kernels/strided/index.h"
#include "kernels/strided/iterator.h"
#include "kernels/strided/row.h"

namespace fi::strided {
namespace {

class OneHot : public Operation {
 public:
  OneHot(const TensorView& indices, const TensorView& values, const TensorView& y, int axis)
      : depth_(y.shape[axis]),
        size_(element_size(y)),
        step_(y.stride[axis] * size_),
        value_step_(values.stride[0] * size_),
        convert_(converter(indices.dtype, DType::s64)) {
    TensorView line = y;  // without the axis
    for (int d = axis; d + 1 < line.rank; ++d) {
      line.shape[d] = line.shape[d + 1];
      line.stride[d] = line.stride[d + 1];
    }
    --line.rank;
    require_same_shape(indices, line, "one_hot");
    Nest nest = make_nest({&indices, &line});
    simplify(nest, 1);
    rows_ = Rows(nest, kRow, depth_ > 0 ? depth_ : 1);
    tasks_ = rows_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    const char* off = static_cast<const char*>(at.in[1]);
    rows_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        char* y = static_cast<char*>(at.out[0]) + offset[1] + i * rows_.step[1];
        move_row(size_, off, 0, y, step_, depth_);
        int64_t index = read(static_cast<const char*>(at.in[0]) + offset[0] + i * rows_.step[0]);
        if (index < 0) index += depth_;
        if (index < 0 || index >= depth_) continue;
        move_row(size_, off + value_step_, 0, y + index * step_, step_, 1);
      }
    });
    return true;
  }

 private:
  int64_t read(const char* p) const {
    alignas(8) char dense[8] = {};
    int64_t index;
    if (convert_) {
      convert_(p, dense, 1);
      p = dense;
    }
    __builtin_memcpy(&index, p, sizeof index);
    return index;
  }

  int64_t depth_, size_, step_, value_step_;
  Convert convert_;
  Rows rows_;
};

}  // namespace

OperationPtr make_one_hot(const TensorView& indices, const TensorView& values, const TensorView& y,
                          int axis) {
  if (y.rank < 1) throw Error(ErrorKind::shape, "one_hot: the result has no axis");
  axis = normalize_axis(axis, y.rank, "one_hot");
  require_bytes(indices, "one_hot");
  require_bytes(y, "one_hot");
  require_same_dtype(values, y, "one_hot");
  if (values.rank != 1 || values.shape[0] != 2) {
    throw Error(ErrorKind::shape, "one_hot: values must be two elements");
  }
  return std::make_unique<OneHot>(indices, values, y, axis);
}

}  // namespace fi::strided
