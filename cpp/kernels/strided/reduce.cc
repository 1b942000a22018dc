// Reductions. The loops over y (kept) are walked in pieces of rows; behind each piece stand the
// loops over the reduced axes. Whichever of the two runs closer to x's memory is the one that
// kernels see as a row.
#include "kernels/strided/reduce.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "kernels/strided/fold.h"
#include "kernels/strided/iterator.h"

namespace fi::strided {
namespace {

/// Operands of the nests: x, y.
struct Split {
  Nest kept, reduced;
};

/// `reduced(d)`: whether axis d is folded. y's stride is 0 there.
template <class Reduced>
Split split_axes(const TensorView& x, const TensorView& y, Reduced&& reduced) {
  TensorView kept = x, folded = x, target = y;
  for (int d = 0; d < x.rank; ++d) {
    (reduced(d) ? kept : folded).shape[d] = 1;
    if (reduced(d)) target.stride[d] = 0;
  }
  Split split{make_nest({&kept, &target}), make_nest({&folded, &target})};
  simplify(split.kept, 0);
  simplify(split.reduced, 0);
  return split;
}

int64_t inner_step(const Nest& nest) {
  return nest.rank ? nest.stride[0][nest.rank - 1] : INT64_MAX;
}

/// How a fold is fed: rows along the reduced axes, or columns side by side.
struct Feed {
  Feed(const TensorView& x, DType accumulator, const Split& split)
      : columns(inner_step(split.kept) <= inner_step(split.reduced)),
        count(split.reduced.size()),
        size(element_size(x)),
        convert(converter(x.dtype, accumulator)),
        kept(split.kept,
             columns ? kRow
                     : std::clamp<int64_t>(kTaskElements / std::max<int64_t>(count, 1), 1, kRow),
             std::max<int64_t>(count, 1)),
        reduced(split.reduced),
        reduced_rows(split.reduced, kRow) {}

  /// Feeds the `n` accumulators of a kept piece that starts at x: body(row, elements, i), where a
  /// row is for accumulator i (rows), or element j of it for accumulator j (columns).
  template <class Body>
  void each(const char* x, int64_t n, Body&& body) const {
    if (count == 0) return;
    RowBuffer gathered, converted;
    const auto read = [&](const char* at, int64_t step, int64_t length) {
      return read_row(size, convert, at, step, length, gathered, converted);
    };
    if (columns) {
      Walker walker(reduced, 0);
      for (int64_t r = 0; r < count; ++r, walker.next()) {
        body(read(x + walker.offset[0], kept.step[0], n), n, 0);
      }
    } else {
      for (int64_t i = 0; i < n; ++i) {
        reduced_rows.for_each(0, reduced_rows.tasks, [&](const int64_t* offset, int64_t length) {
          body(read(x + i * kept.step[0] + offset[0], reduced_rows.step[0], length), length, i);
        });
      }
    }
  }

  bool columns;
  int64_t count;  // elements behind each result
  int64_t size;
  Convert convert;
  Rows kept;
  Nest reduced;
  Rows reduced_rows;
};

class Reduce : public Operation {
 public:
  Reduce(const TensorView& x, const TensorView& y, DType accumulator, const Fold* max,
         const Fold* fold)
      : feed_(x, accumulator, split_axes(x, y, [&](int d) { return y.shape[d] == 1; })),
        max_(max),
        fold_(fold),
        dtype_(x.dtype),
        size_(element_size(y)),
        convert_(converter(accumulator, y.dtype)) {
    tasks_ = feed_.kept.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    RowBuffer acc, maxima, buffer;
    feed_.kept.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      const char* x = static_cast<const char*>(at.in[0]) + offset[0];
      const void* context = nullptr;
      if (max_) {
        accumulate(*max_, x, n, maxima.bytes, nullptr);
        context = maxima.bytes;
      }
      accumulate(*fold_, x, n, acc.bytes, context);
      if (fold_->finish) fold_->finish(acc.bytes, n, feed_.count, context);
      write_row(size_, convert_, acc.bytes, static_cast<char*>(at.out[0]) + offset[1],
                feed_.kept.step[1], n, buffer);
    });
    return true;
  }

 private:
  static const char* place(const void* base, int64_t i) {
    return base ? static_cast<const char*>(base) + i * 8 : nullptr;
  }

  void accumulate(const Fold& fold, const char* x, int64_t n, char* acc,
                  const void* context) const {
    fold.start(acc, n, dtype_);
    feed_.each(x, n, [&](const void* row, int64_t length, int64_t i) {
      if (feed_.columns)
        fold.columns(row, length, acc, context);
      else
        fold.row(row, length, acc + i * 8, place(context, i));
    });
  }

  Feed feed_;
  const Fold *max_, *fold_;
  DType dtype_;
  int64_t size_;
  Convert convert_;
};

class ArgReduce : public Operation {
 public:
  ArgReduce(const TensorView& x, const TensorView& y, bool largest, int axis, bool select_last)
      : feed_(x, accumulator_dtype(x.dtype), split_axes(x, y, [=](int d) { return d == axis; })),
        fold_(arg_fold(x.dtype, largest, select_last)),
        flipped_(x.stride[axis] < 0),
        last_(x.shape[axis] - 1) {
    // The nest runs over the axis in memory order; a flipped one counts down.
    if (flipped_) fold_ = arg_fold(x.dtype, largest, !select_last);
    tasks_ = feed_.kept.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    RowBuffer best, buffer;
    int64_t position[kRow];
    feed_.kept.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      std::fill_n(position, n, -1);
      int64_t next = 0, current = 0;
      const auto take = [&](const void* row, int64_t length, int64_t i) {
        if (feed_.columns) {
          fold_.columns(row, length, best.bytes, position, next++, 0);
          return;
        }
        if (i != current) next = 0;
        current = i;
        fold_.row(row, length, best.bytes + i * 8, position + i, next);
        next += length;
      };
      feed_.each(static_cast<const char*>(at.in[0]) + offset[0], n, take);
      if (flipped_)
        std::transform(position, position + n, position, [&](int64_t p) { return last_ - p; });
      write_row(8, nullptr, position, static_cast<char*>(at.out[0]) + offset[1], feed_.kept.step[1],
                n, buffer);
    });
    return true;
  }

 private:
  Feed feed_;
  ArgFold fold_;
  bool flipped_;
  int64_t last_;
};

void require_reduced_shape(const TensorView& x, const TensorView& y, const char* what) {
  bool fits = x.rank == y.rank;
  for (int d = 0; fits && d < x.rank; ++d) fits = y.shape[d] == 1 || y.shape[d] == x.shape[d];
  if (!fits) throw Error(ErrorKind::shape, std::string(what) + ": the result's shape does not fit");
}

}  // namespace

OperationPtr make_reduce(const TensorView& x, const TensorView& y, std::string_view function) {
  require_bytes(x, "reduce");
  require_same_dtype(x, y, "reduce");
  require_reduced_shape(x, y, "reduce");
  const bool exp = function == "log_sum_exp";
  const Fold* fold = find_fold(exp ? "sum_exp" : function, x.dtype);
  if (!fold || function == "lp" || function == "sum_exp") {
    throw Error(ErrorKind::unsupported,
                "reduce: no function " + std::string(function) + " of " + name_of(x.dtype));
  }
  const DType accumulator = exp ? DType::f64 : accumulator_dtype(x.dtype);
  return std::make_unique<Reduce>(x, y, accumulator, exp ? find_fold("max", DType::f64) : nullptr,
                                  fold);
}

OperationPtr make_arg_reduce(const TensorView& x, const TensorView& y, bool largest, int axis,
                             bool select_last) {
  axis = normalize_axis(axis, x.rank, "arg_reduce");
  require_bytes(x, "arg_reduce");
  require_dtype(y, DType::s64, "arg_reduce");
  TensorView expected = x;
  expected.shape[axis] = 1;
  require_same_shape(expected, y, "arg_reduce");
  if (x.shape[axis] == 0 && element_count(y) != 0) {
    throw Error(ErrorKind::shape, "arg_reduce: no elements along the axis");
  }
  return std::make_unique<ArgReduce>(x, y, largest, axis, select_last);
}

}  // namespace fi::strided
