// Folding rows into accumulators: what reductions and pooling share. Accumulators are f64, s64 or
// u64.
#pragma once

#include <string_view>

#include "kernels/strided/row.h"

namespace fi::strided {

/// A function that is folded. `context` is null but for lp (a double: p) and sum_exp (the maxima:
/// one for a row, n for columns).
struct Fold {
  /// acc[0] takes in x[0..n).
  void (*row)(const void* x, int64_t n, void* acc, const void* context);
  /// acc[i] takes in x[i].
  void (*columns)(const void* x, int64_t n, void* acc, const void* context);
  /// acc[i] becomes the result over `count` elements; null: it is that already.
  void (*finish)(void* acc, int64_t n, int64_t count, const void* context);
  /// Sets n accumulators to the identity: for max and min the lowest and highest value of the
  /// dtype.
  void (*start)(void* acc, int64_t n, DType dtype);
};

/// The fold of a function (make_reduce's names, lp, sum_exp) for elements of a dtype; null if there
/// is none.
const Fold* find_fold(std::string_view function, DType dtype);

/// The place of the extreme element so far: best[i] and its position[i]. Start with position -1:
/// anything is better.
struct ArgFold {
  /// Takes in x[0..n) at positions `at`, at + 1, ...
  void (*row)(const void* x, int64_t n, void* best, int64_t* position, int64_t at);
  /// best[i] takes in x[i] at position at + i * step.
  void (*columns)(const void* x, int64_t n, void* best, int64_t* position, int64_t at,
                  int64_t step);
};
ArgFold arg_fold(DType dtype, bool largest, bool select_last);

}  // namespace fi::strided
