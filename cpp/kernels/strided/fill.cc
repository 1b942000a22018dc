// Fill, where and trilu.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernels/strided/copy.h"
#include "kernels/strided/elementwise.h"
#include "kernels/strided/scalar.h"

namespace fi::strided {
namespace {

class Fill : public Operation {
 public:
  Fill(const Nest& nest, const TensorView& y, Scalar value)
      : rows_(nest, 4096), size_(element_size(y)) {
    store_scalar(value, y.dtype, value_);
    tasks_ = rows_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    rows_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      move_row(size_, value_, 0, static_cast<char*>(at.out[0]) + offset[0], rows_.step[0], n);
    });
    return true;
  }

 private:
  Rows rows_;
  int64_t size_;
  alignas(8) char value_[8];
};

/// By the size of the elements: their meaning does not matter.
template <class T>
void select(const void* const* in, void* y, int64_t n, const Parameters&) {
  const auto* condition = static_cast<const uint8_t*>(in[0]);
  const char* a = static_cast<const char*>(in[1]);
  const char* b = static_cast<const char*>(in[2]);
  for (int64_t i = 0; i < n; ++i) {
    T va, vb;
    std::memcpy(&va, a + i * sizeof(T), sizeof(T));
    std::memcpy(&vb, b + i * sizeof(T), sizeof(T));
    const T v = condition[i] ? va : vb;
    std::memcpy(static_cast<char*>(y) + i * sizeof(T), &v, sizeof(T));
  }
}

class Trilu : public Operation {
 public:
  Trilu(const TensorView& x, const TensorView& y, int64_t k, bool upper)
      : rows_(lines(x, y)),
        size_(element_size(x)),
        height_(x.shape[x.rank - 2]),
        // Beyond the matrix every diagonal is the same, and no sum with a row overflows.
        k_(std::clamp<int64_t>(k, -height_ - 1, x.shape[x.rank - 1] + 1)),
        upper_(upper) {
    tasks_ = rows_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    int64_t line = begin * rows_.grain;
    const char zero[8] = {};
    rows_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      const char* x = static_cast<const char*>(at.in[0]) + offset[0];
      char* y = static_cast<char*>(at.out[0]) + offset[1];
      // Columns from `split` on are on or above the diagonal (upper), or above it (lower).
      const int64_t split = std::clamp<int64_t>(line++ % height_ + k_ + (upper_ ? 0 : 1), 0, n);
      const int64_t first = upper_ ? split : 0, last = upper_ ? n : split;
      move_row(size_, x + first * rows_.step[0], rows_.step[0], y + first * rows_.step[1],
               rows_.step[1], last - first);
      const int64_t zeros = upper_ ? 0 : split;
      move_row(size_, zero, 0, y + zeros * rows_.step[1], rows_.step[1], n - (last - first));
    });
    return true;
  }

 private:
  /// Every line of the last axis, in row-major order: loops of length 1 stay.
  static Rows lines(const TensorView& x, const TensorView& y) {
    Nest nest;
    nest.operands = 2;
    nest.rank = x.rank;
    for (int d = 0; d < x.rank; ++d) {
      nest.shape[d] = x.shape[d];
      nest.stride[0][d] = x.stride[d] * element_size(x);
      nest.stride[1][d] = y.stride[d] * element_size(y);
    }
    return Rows(nest, INT64_MAX);
  }

  Rows rows_;
  int64_t size_, height_, k_;
  bool upper_;
};

}  // namespace

OperationPtr make_fill(const TensorView& y, Scalar value) {
  require_bytes(y, "fill");
  Nest nest = make_nest({&y});
  simplify(nest, 0);
  return std::make_unique<Fill>(nest, y, value);
}

OperationPtr make_where(const TensorView& condition, const TensorView& a, const TensorView& b,
                        const TensorView& y) {
  require_dtype(condition, DType::boolean, "where");
  require_bytes(y, "where");
  for (const TensorView* v : {&condition, &a, &b}) require_same_shape(*v, y, "where");
  for (const TensorView* v : {&a, &b}) require_same_dtype(*v, y, "where");
  const int64_t size = element_size(y);
  const DenseLoop loop = size == 1   ? select<uint8_t>
                         : size == 2 ? select<uint16_t>
                         : size == 4 ? select<uint32_t>
                                     : select<uint64_t>;
  return make_elementwise({{condition, DType::boolean}, {a, a.dtype}, {b, b.dtype}}, y, y.dtype,
                          loop);
}

OperationPtr make_trilu(const TensorView& x, const TensorView& y, int64_t k, bool upper) {
  require_same_shape(x, y, "trilu");
  require_same_dtype(x, y, "trilu");
  require_bytes(x, "trilu");
  if (x.rank < 2) throw Error(ErrorKind::shape, "trilu: needs at least two axes");
  return std::make_unique<Trilu>(x, y, k, upper);
}

}  // namespace fi::strided
