#include "kernels/strided/fold.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <type_traits>

namespace fi::strided {
namespace {

/// Integer sums and products wrap: they are made in unsigned arithmetic.
template <class A>
A add(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<A>(uint64_t(a) + uint64_t(b));
  else
    return a + b;
}
template <class A>
A mul(A a, A b) {
  if constexpr (std::is_integral_v<A>)
    return static_cast<A>(uint64_t(a) * uint64_t(b));
  else
    return a * b;
}
template <class A>
A magnitude(A a) {
  if constexpr (std::is_same_v<A, int64_t>)
    return a < 0 ? static_cast<A>(-uint64_t(a)) : a;
  else if constexpr (std::is_same_v<A, double>)
    return std::fabs(a);
  else
    return a;
}

// A fold's parts: `take` maps an element, `join` combines (and is associative up to rounding).
struct Sum {
  template <class A>
  static A take(A x, double) {
    return x;
  }
  template <class A>
  static A join(A a, A b) {
    return add(a, b);
  }
  template <class A>
  static A identity(DType) {
    return 0;
  }
};
struct AbsoluteSum : Sum {
  template <class A>
  static A take(A x, double) {
    return magnitude(x);
  }
};
struct SquareSum : Sum {
  template <class A>
  static A take(A x, double) {
    return mul(x, x);
  }
};
struct PowerSum : Sum {
  template <class A>
  static A take(A x, double p) {
    return static_cast<A>(std::pow(double(magnitude(x)), p));
  }
};
struct ExpSum : Sum {
  template <class A>
  static A take(A x, double max) {
    return static_cast<A>(std::exp(double(x) - (std::isfinite(max) ? max : 0)));
  }
};
struct Product : Sum {
  template <class A>
  static A join(A a, A b) {
    return mul(a, b);
  }
  template <class A>
  static A identity(DType) {
    return 1;
  }
};
struct Max : Sum {
  template <class A>
  static A join(A a, A b) {
    return b > a || b != b ? b : a;
  }
  template <class A>
  static A identity(DType dtype) {
    if constexpr (std::is_same_v<A, double>)
      return -std::numeric_limits<A>::infinity();
    else if constexpr (std::is_same_v<A, int64_t>)
      return INT64_MIN >> (64 - bit_width(dtype));
    else
      return 0;
  }
};
struct Min : Sum {
  template <class A>
  static A join(A a, A b) {
    return b < a || b != b ? b : a;
  }
  template <class A>
  static A identity(DType dtype) {
    if constexpr (std::is_same_v<A, double>)
      return std::numeric_limits<A>::infinity();
    else if constexpr (std::is_same_v<A, int64_t>)
      return INT64_MAX >> (64 - bit_width(dtype));
    else
      return dtype == DType::boolean ? 1 : UINT64_MAX >> (64 - bit_width(dtype));
  }
};

// What becomes of an accumulator at the end.
struct Stay {};
struct Mean {
  template <class A>
  static A last(A a, int64_t count, double) {
    if constexpr (std::is_integral_v<A>)
      return count == 0 ? 0 : a / static_cast<A>(count);
    else
      return a / static_cast<double>(count);
  }
};
struct Root {
  template <class A>
  static A last(A a, int64_t, double) {
    return static_cast<A>(std::sqrt(double(a)));
  }
};
struct RootP {
  template <class A>
  static A last(A a, int64_t, double p) {
    return static_cast<A>(std::pow(double(a), 1 / p));
  }
};
template <class A>
A to_accumulator(double x) {
  // log(0) of integers: the lowest value, as a cast of -inf gives.
  if constexpr (std::is_integral_v<A>)
    return std::isfinite(x) ? static_cast<A>(static_cast<int64_t>(x))
                            : std::numeric_limits<A>::min();
  else
    return x;
}
struct Log {
  template <class A>
  static A last(A a, int64_t, double) {
    return to_accumulator<A>(std::log(double(a)));
  }
};
struct LogPlusMax {
  template <class A>
  static A last(A a, int64_t, double max) {
    return to_accumulator<A>(std::log(double(a)) + (std::isfinite(max) ? max : 0));
  }
};

template <class A>
double context_at(const void* context, int64_t i) {
  return context ? static_cast<double>(static_cast<const A*>(context)[i]) : 0;
}

/// Eight partial results, so that one does not wait for the other.
template <class A, class Op>
void fold_row(const void* data, int64_t n, void* out, const void* context) {
  constexpr int kWays = 8;
  const A* x = static_cast<const A*>(data);
  const double c = context_at<A>(context, 0);
  A& acc = *static_cast<A*>(out);
  int64_t i = 0;
  if (n >= 2 * kWays) {
    A part[kWays];
    for (int w = 0; w < kWays; ++w) part[w] = Op::take(x[w], c);
    for (i = kWays; i + kWays <= n; i += kWays) {
      for (int w = 0; w < kWays; ++w) part[w] = Op::join(part[w], Op::take(x[i + w], c));
    }
    for (int half = kWays / 2; half > 0; half /= 2) {
      for (int w = 0; w < half; ++w) part[w] = Op::join(part[w], part[w + half]);
    }
    acc = Op::join(acc, part[0]);
  }
  for (; i < n; ++i) acc = Op::join(acc, Op::take(x[i], c));
}

template <class A, class Op, bool per_column>
void fold_columns(const void* data, int64_t n, void* out, const void* context) {
  const A* x = static_cast<const A*>(data);
  A* acc = static_cast<A*>(out);
  const double c = context_at<A>(context, 0);
  for (int64_t i = 0; i < n; ++i) {
    acc[i] = Op::join(acc[i], Op::take(x[i], per_column ? context_at<A>(context, i) : c));
  }
}

template <class A, class Last, bool per_column>
void finish(void* out, int64_t n, int64_t count, const void* context) {
  A* acc = static_cast<A*>(out);
  const double c = context_at<A>(context, 0);
  for (int64_t i = 0; i < n; ++i) {
    acc[i] = Last::last(acc[i], count, per_column ? context_at<A>(context, i) : c);
  }
}

template <class A, class Op>
void start(void* out, int64_t n, DType dtype) {
  A* acc = static_cast<A*>(out);
  for (int64_t i = 0; i < n; ++i) acc[i] = Op::template identity<A>(dtype);
}

template <class A, class Op, class Last, bool per_column = false>
constexpr Fold fold_of() {
  Fold fold{fold_row<A, Op>, fold_columns<A, Op, per_column>, nullptr, start<A, Op>};
  if constexpr (!std::is_same_v<Last, Stay>) fold.finish = finish<A, Last, per_column>;
  return fold;
}

struct Named {
  const char* name;
  Fold fold;
};

template <class A>
constexpr Named kFolds[] = {
    {"sum", fold_of<A, Sum, Stay>()},      {"mean", fold_of<A, Sum, Mean>()},
    {"max", fold_of<A, Max, Stay>()},      {"min", fold_of<A, Min, Stay>()},
    {"prod", fold_of<A, Product, Stay>()}, {"l1", fold_of<A, AbsoluteSum, Stay>()},
    {"l2", fold_of<A, SquareSum, Root>()}, {"sum_square", fold_of<A, SquareSum, Stay>()},
    {"log_sum", fold_of<A, Sum, Log>()},
};

/// Folds with a context, which are f64 whatever the dtype.
constexpr Named kContextFolds[] = {
    {"lp", fold_of<double, PowerSum, RootP>()},
    {"sum_exp", fold_of<double, ExpSum, LogPlusMax, true>()},
};

template <size_t n>
const Fold* find(const Named (&folds)[n], std::string_view name) {
  for (const Named& f : folds) {
    if (name == f.name) return &f.fold;
  }
  return nullptr;
}

/// Whether x replaces the best so far; a NaN is replaced by nothing but, for the last, a NaN.
template <class A, bool largest, bool last>
bool better(A x, A best) {
  if (x != x) return last || best == best;
  if constexpr (largest)
    return last ? x >= best : x > best;
  else
    return last ? x <= best : x < best;
}

template <class A, bool largest, bool last>
void arg_columns(const void* data, int64_t n, void* out, int64_t* position, int64_t at,
                 int64_t step) {
  const A* x = static_cast<const A*>(data);
  A* best = static_cast<A*>(out);
  for (int64_t i = 0; i < n; ++i) {
    if (position[i] >= 0 && !better<A, largest, last>(x[i], best[i])) continue;
    best[i] = x[i];
    position[i] = at + i * step;
  }
}

template <class A, bool largest, bool last>
void arg_row(const void* data, int64_t n, void* best, int64_t* position, int64_t at) {
  const A* x = static_cast<const A*>(data);
  for (int64_t i = 0; i < n; ++i)
    arg_columns<A, largest, last>(x + i, 1, best, position, at + i, 0);
}

template <class A>
ArgFold arg_fold_of(bool largest, bool last) {
  if (largest) {
    return last ? ArgFold{arg_row<A, true, true>, arg_columns<A, true, true>}
                : ArgFold{arg_row<A, true, false>, arg_columns<A, true, false>};
  }
  return last ? ArgFold{arg_row<A, false, true>, arg_columns<A, false, true>}
              : ArgFold{arg_row<A, false, false>, arg_columns<A, false, false>};
}

}  // namespace

const Fold* find_fold(std::string_view function, DType dtype) {
  if (dtype == DType::boolean && function != "max" && function != "min") return nullptr;
  if (const Fold* fold = find(kContextFolds, function)) return fold;
  switch (accumulator_dtype(dtype)) {
    case DType::f64:
      return find(kFolds<double>, function);
    case DType::s64:
      return find(kFolds<int64_t>, function);
    default:
      return find(kFolds<uint64_t>, function);
  }
}

ArgFold arg_fold(DType dtype, bool largest, bool select_last) {
  switch (accumulator_dtype(dtype)) {
    case DType::f64:
      return arg_fold_of<double>(largest, select_last);
    case DType::s64:
      return arg_fold_of<int64_t>(largest, select_last);
    default:
      return arg_fold_of<uint64_t>(largest, select_last);
  }
}

}  // namespace fi::strided
