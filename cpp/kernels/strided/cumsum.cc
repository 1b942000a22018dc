#include "base/error.h"
#include "kernels/strided/fold.h"
#include "kernels/strided/iterator.h"
#include "kernels/strided/reduce.h"

namespace fi::strided {
namespace {

/// Lines along the axis side by side, a row of accumulators for them.
class Cumsum : public Operation {
 public:
  Cumsum(const TensorView& x, const TensorView& y, const Fold& sum, int axis, bool exclusive,
         bool reverse)
      : sum_(sum),
        dtype_(x.dtype),
        length_(x.shape[axis]),
        x_size_(element_size(x)),
        y_size_(element_size(y)),
        x_step_(x.stride[axis] * x_size_),
        y_step_(y.stride[axis] * y_size_),
        exclusive_(exclusive),
        reverse_(reverse),
        to_(converter(x.dtype, accumulator_dtype(x.dtype))),
        from_(converter(accumulator_dtype(x.dtype), y.dtype)) {
    TensorView lines_x = x, lines_y = y;
    lines_x.shape[axis] = lines_y.shape[axis] = 1;
    Nest nest = make_nest({&lines_x, &lines_y});
    simplify(nest, 1);
    if (length_ > 0) lines_ = Rows(nest, kRow, length_);
    tasks_ = lines_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    RowBuffer acc, gathered, converted, buffer;
    lines_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      sum_.start(acc.bytes, n, dtype_);
      for (int64_t k = 0; k < length_; ++k) {
        const int64_t j = reverse_ ? length_ - 1 - k : k;
        const char* x = static_cast<const char*>(at.in[0]) + offset[0] + j * x_step_;
        char* y = static_cast<char*>(at.out[0]) + offset[1] + j * y_step_;
        const void* row = read_row(x_size_, to_, x, lines_.step[0], n, gathered, converted);
        if (row == x && exclusive_) {  // y may be x: keep the row
          move_row(8, static_cast<const char*>(row), 8, gathered.bytes, 8, n);
          row = gathered.bytes;
        }
        if (!exclusive_) sum_.columns(row, n, acc.bytes, nullptr);
        write_row(y_size_, from_, acc.bytes, y, lines_.step[1], n, buffer);
        if (exclusive_) sum_.columns(row, n, acc.bytes, nullptr);
      }
    });
    return true;
  }

 private:
  const Fold& sum_;
  DType dtype_;
  int64_t length_, x_size_, y_size_, x_step_, y_step_;
  bool exclusive_, reverse_;
  Convert to_, from_;
  Rows lines_;
};

}  // namespace

OperationPtr make_cumsum(const TensorView& x, const TensorView& y, int axis, bool exclusive,
                         bool reverse) {
  axis = normalize_axis(axis, x.rank, "cumsum");
  require_bytes(x, "cumsum");
  require_same_shape(x, y, "cumsum");
  require_same_dtype(x, y, "cumsum");
  const Fold* sum = find_fold("sum", x.dtype);
  if (!sum) throw Error(ErrorKind::unsupported, "cumsum: no sums of boolean");
  return std::make_unique<Cumsum>(x, y, *sum, axis, exclusive, reverse);
}

}  // namespace fi::strided
