#include "kernels/strided/topk.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/strided/iterator.h"
#include "kernels/strided/row.h"

namespace fi::strided {
namespace {

/// An element as f64, s64 or u64, and its place on the axis.
template <class A>
struct Entry {
  A key;
  int64_t index;
};

/// A strict order in which the wanted come first; NaN is the greatest.
template <class A, bool largest>
bool before(const Entry<A>& a, const Entry<A>& b) {
  const A &high = largest ? a.key : b.key, &low = largest ? b.key : a.key;
  if (high > low || (high != high && low == low)) return true;
  if (low > high || (low != low && high == high)) return false;
  return a.index < b.index;
}

template <class A, bool largest>
void select(void* entries, int64_t n, int64_t k) {
  auto* e = static_cast<Entry<A>*>(entries);
  std::partial_sort(e, e + k, e + n, before<A, largest>);
}

/// Fills the entries of a line; `keys` are n of them, dense, from place `at` on.
template <class A>
void fill(void* entries, const void* keys, int64_t n, int64_t at) {
  auto* e = static_cast<Entry<A>*>(entries);
  for (int64_t i = 0; i < n; ++i) e[at + i] = {static_cast<const A*>(keys)[i], at + i};
}

struct Loops {
  void (*fill)(void*, const void*, int64_t, int64_t);
  void (*select)(void*, int64_t, int64_t);
};

template <class A>
Loops loops_of(bool largest) {
  return {fill<A>, largest ? select<A, true> : select<A, false>};
}

Loops loops_of(DType accumulator, bool largest) {
  switch (accumulator) {
    case DType::f64:
      return loops_of<double>(largest);
    case DType::s64:
      return loops_of<int64_t>(largest);
    default:
      return loops_of<uint64_t>(largest);
  }
}

class TopK : public Operation {
 public:
  TopK(const TensorView& x, const TensorView& values, const TensorView& indices, int axis,
       bool largest)
      : n_(x.shape[axis]),
        k_(values.shape[axis]),
        size_(element_size(x)),
        x_step_(x.stride[axis] * size_),
        value_step_(values.stride[axis] * size_),
        index_step_(indices.stride[axis] * 8),
        convert_(converter(x.dtype, accumulator_dtype(x.dtype))),
        loops_(loops_of(accumulator_dtype(x.dtype), largest)) {
    TensorView line_x = x, line_v = values, line_i = indices;
    for (TensorView* v : {&line_x, &line_v, &line_i}) v->shape[axis] = 1;
    Nest nest = make_nest({&line_x, &line_v, &line_i});
    simplify(nest, 1);
    lines_ = Rows(nest, 64, std::max<int64_t>(n_, 1));
    tasks_ = k_ == 0 ? 0 : lines_.tasks;
    scratch_bytes_ = static_cast<size_t>(n_) * 16;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void* scratch) const override {
    lines_.for_each(begin, end, [&](const int64_t* offset, int64_t lines) {
      for (int64_t i = 0; i < lines; ++i) {
        run_line(static_cast<const char*>(at.in[0]) + offset[0] + i * lines_.step[0],
                 static_cast<char*>(at.out[0]) + offset[1] + i * lines_.step[1],
                 static_cast<char*>(at.out[1]) + offset[2] + i * lines_.step[2], scratch);
      }
    });
    return true;
  }

 private:
  void run_line(const char* x, char* values, char* indices, void* entries) const {
    RowBuffer gathered, converted;
    for (int64_t at = 0; at < n_; at += kRow) {
      const int64_t n = std::min(kRow, n_ - at);
      loops_.fill(entries,
                  read_row(size_, convert_, x + at * x_step_, x_step_, n, gathered, converted), n,
                  at);
    }
    loops_.select(entries, n_, k_);
    for (int64_t j = 0; j < k_; ++j) {
      const char* index = static_cast<const char*>(entries) + j * 16 + 8;
      int64_t place;
      __builtin_memcpy(&place, index, 8);
      move_row(size_, x + place * x_step_, 0, values + j * value_step_, value_step_, 1);
      move_row(8, index, 0, indices + j * index_step_, index_step_, 1);
    }
  }

  int64_t n_, k_, size_, x_step_, value_step_, index_step_;
  Convert convert_;
  Loops loops_;
  Rows lines_;
};

}  // namespace

OperationPtr make_topk(const TensorView& x, const TensorView& values, const TensorView& indices,
                       int axis, bool largest) {
  axis = normalize_axis(axis, x.rank, "topk");
  require_bytes(x, "topk");
  require_same_dtype(x, values, "topk");
  require_dtype(indices, DType::s64, "topk");
  require_same_shape(values, indices, "topk");
  TensorView expected = x;
  if (values.rank == x.rank) expected.shape[axis] = values.shape[axis];
  require_same_shape(expected, values, "topk");
  if (values.shape[axis] > x.shape[axis]) throw Error(ErrorKind::value, "topk: k exceeds the axis");
  return std::make_unique<TopK>(x, values, indices, axis, largest);
}

}  // namespace fi::strided
