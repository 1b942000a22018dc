// The strided room: rare operators and data movement over views of any strides and any dtype,
// compiled once, for the baseline CPU. Each family's header offers factories that check shapes and
// types (throwing fi::Error) and return an Operation, which is then only run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/view.h"

namespace fi::strided {

/// Where element [0, ..., 0] of each operand is, in the order of the factory's TensorView
/// parameters. An absent optional operand is null.
struct Pointers {
  const void* in[3] = {};
  void* out[2] = {};
};

/// A prepared operation. The factory fixes geometry, types and loops (it ignores TensorView::data),
/// addresses come with each run; so one instance serves concurrent runs. tasks() depends on the
/// geometry alone, hence so do results.
class Operation {
 public:
  virtual ~Operation() = default;
  /// How many independent pieces the work divides into; parallel_for may run them in any order, on
  /// any thread.
  int64_t tasks() const { return tasks_; }
  /// Bytes of scratch (64-byte aligned) that one worker needs for run(); mostly 0.
  size_t scratch_bytes() const { return scratch_bytes_; }
  /// Computes tasks [begin, end) on the calling thread, without allocating. False if an index in
  /// the data lies outside of its axis: nothing is read or written there, the element's result is
  /// unspecified, and the caller raises fi::Error(ErrorKind::value, "index out of range").
  virtual bool run(const Pointers& at, int64_t begin, int64_t end, void* scratch) const = 0;

 protected:
  int64_t tasks_ = 1;
  size_t scratch_bytes_ = 0;
};

using OperationPtr = std::unique_ptr<const Operation>;

/// A value that becomes any dtype: an integer is exact, a real is cast as Cast does.
struct Scalar {
  bool is_integer = true;
  int64_t integer = 0;
  double real = 0;

  static Scalar of(int64_t i) { return {true, i, static_cast<double>(i)}; }
  static Scalar of(double r) { return {false, 0, r}; }
};

}  // namespace fi::strided
