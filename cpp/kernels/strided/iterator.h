// The loops that every operation of the room runs in: a nest over several operands at once,
// addressed by byte offsets, so that the data types do not matter. Factories simplify the nest
// once; run() walks it row by row.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "base/view.h"

namespace fi::strided {

inline constexpr int kMaxOperands = 4;

/// Elements that one task should handle at least: some microseconds of work.
inline constexpr int64_t kTaskElements = 16384;

/// Loops of `shape`, outermost first; operand p's element is at start[p] + sum_d index[d] *
/// stride[p][d] bytes.
struct Nest {
  int rank = 0;
  int operands = 0;
  int64_t shape[kMaxRank] = {};
  int64_t stride[kMaxOperands][kMaxRank] = {};
  int64_t start[kMaxOperands] = {};

  int64_t size() const;
  /// Takes loop d out and returns its place in `step` (bytes for each operand).
  int64_t remove(int d, int64_t* step);
};

/// The nest over views of one shape (checked by the caller), loops of length 1 left out.
Nest make_nest(std::initializer_list<const TensorView*> views);

/// Reorders and joins loops for the fewest and longest rows, in the order of `operand`'s memory:
/// its strides become positive and descending, and neighbours that are one loop for every operand
/// are joined.
void simplify(Nest& nest, int operand);
/// Joins only, keeping the order: what operations need that run in row-major order.
void coalesce(Nest& nest);

int64_t element_size(const TensorView& v);
int64_t element_count(const TensorView& v);
bool same_shape(const TensorView& a, const TensorView& b);
/// Throws Error(shape): "<what>: ...".
void require_same_shape(const TensorView& a, const TensorView& b, const char* what);
/// Throws Error(dtype).
void require_same_dtype(const TensorView& a, const TensorView& b, const char* what);
void require_dtype(const TensorView& a, DType dtype, const char* what);
/// Throws Error(dtype) unless elements take whole bytes (s4, u4 and bits do not).
void require_bytes(const TensorView& a, const char* what);
/// axis in [-rank, rank) to [0, rank); throws Error(attribute).
int normalize_axis(int axis, int rank, const char* what);

/// Walks the outer loops of a nest: seek once, then next.
class Walker {
 public:
  Walker(const Nest& nest, int64_t flat) : nest_(nest) {
    for (int p = 0; p < nest.operands; ++p) offset[p] = nest.start[p];
    for (int d = nest.rank - 1; d >= 0; --d) {
      index_[d] = flat % nest.shape[d];
      flat /= nest.shape[d];
      for (int p = 0; p < nest.operands; ++p) offset[p] += index_[d] * nest.stride[p][d];
    }
  }

  void next() {
    for (int d = nest_.rank - 1; d >= 0; --d) {
      const bool wraps = ++index_[d] == nest_.shape[d];
      const int64_t steps = wraps ? 1 - nest_.shape[d] : 1;
      for (int p = 0; p < nest_.operands; ++p) offset[p] += steps * nest_.stride[p][d];
      if (!wraps) return;
      index_[d] = 0;
    }
  }

  int64_t index(int d) const { return index_[d]; }

  int64_t offset[kMaxOperands];

 private:
  const Nest& nest_;
  int64_t index_[kMaxRank];
};

/// A nest whose innermost loop is a row that a kernel takes at once, cut into pieces of at most
/// `piece` elements; a task is `grain` pieces.
struct Rows {
  Nest outer;
  int64_t length = 1;               // of a row
  int64_t step[kMaxOperands] = {};  // bytes from element to element
  int64_t piece = 1, pieces = 1, grain = 1, tasks = 0;

  Rows() = default;
  /// `cost`: the work behind an element, in elements.
  Rows(const Nest& nest, int64_t max_piece, int64_t cost = 1);

  /// body(offsets, n) for each piece of tasks [begin, end): n elements from offsets[p] at step[p].
  template <class Body>
  void for_each(int64_t begin, int64_t end, Body&& body) const {
    const int64_t total = outer.size() * pieces;
    int64_t at = begin * grain;
    const int64_t stop = end * grain < total ? end * grain : total;
    if (at >= stop) return;
    Walker walker(outer, at / pieces);
    for (int64_t k = at % pieces; at < stop; ++at) {
      int64_t offset[kMaxOperands];
      for (int p = 0; p < outer.operands; ++p) offset[p] = walker.offset[p] + k * piece * step[p];
      const int64_t left = length - k * piece;
      body(offset, left < piece ? left : piece);
      if (++k == pieces) {
        k = 0;
        walker.next();
      }
    }
  }
};

}  // namespace fi::strided
