#include "kernels/strided/iterator.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace fi::strided {
namespace {

std::string text(const TensorView& v) {
  std::string s = "(";
  for (int d = 0; d < v.rank; ++d) s += (d ? ", " : "") + std::to_string(v.shape[d]);
  return s + ")";
}

void swap_loops(Nest& nest, int a, int b) {
  std::swap(nest.shape[a], nest.shape[b]);
  for (int p = 0; p < nest.operands; ++p) std::swap(nest.stride[p][a], nest.stride[p][b]);
}

/// Whether loop d steps for every operand exactly over the whole of loop d + 1.
bool joined(const Nest& nest, int d) {
  for (int p = 0; p < nest.operands; ++p) {
    if (nest.stride[p][d] != nest.stride[p][d + 1] * nest.shape[d + 1]) return false;
  }
  return true;
}

}  // namespace

int64_t Nest::size() const {
  int64_t n = 1;
  for (int d = 0; d < rank; ++d) n *= shape[d];
  return n;
}

int64_t Nest::remove(int d, int64_t* step) {
  const int64_t length = shape[d];
  for (int p = 0; p < operands; ++p) step[p] = stride[p][d];
  for (int e = d; e + 1 < rank; ++e) swap_loops(*this, e, e + 1);
  --rank;
  return length;
}

Nest make_nest(std::initializer_list<const TensorView*> views) {
  Nest nest;
  const TensorView& first = **views.begin();
  for (int d = 0; d < first.rank; ++d) {
    if (first.shape[d] == 1) continue;
    nest.shape[nest.rank] = first.shape[d];
    int p = 0;
    for (const TensorView* v : views) {
      nest.stride[p++][nest.rank] = v->stride[d] * element_size(*v);
    }
    ++nest.rank;
  }
  nest.operands = static_cast<int>(views.size());
  return nest;
}

void simplify(Nest& nest, int operand) {
  for (int d = 0; d < nest.rank; ++d) {
    if (nest.stride[operand][d] >= 0) continue;
    for (int p = 0; p < nest.operands; ++p) {
      nest.start[p] += (nest.shape[d] - 1) * nest.stride[p][d];
      nest.stride[p][d] = -nest.stride[p][d];
    }
  }
  for (int d = 1; d < nest.rank; ++d) {  // insertion sort: stable, and there are at most eight
    for (int e = d; e > 0 && nest.stride[operand][e - 1] < nest.stride[operand][e]; --e) {
      swap_loops(nest, e - 1, e);
    }
  }
  coalesce(nest);
}

void coalesce(Nest& nest) {
  for (int d = nest.rank - 2; d >= 0; --d) {
    if (!joined(nest, d)) continue;
    nest.shape[d + 1] *= nest.shape[d];
    int64_t unused[kMaxOperands];
    nest.remove(d, unused);
  }
}

int64_t element_size(const TensorView& v) { return bit_width(v.dtype) / 8; }

int64_t element_count(const TensorView& v) {
  int64_t n = 1;
  for (int d = 0; d < v.rank; ++d) n *= v.shape[d];
  return n;
}

bool same_shape(const TensorView& a, const TensorView& b) {
  return a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

void require_same_shape(const TensorView& a, const TensorView& b, const char* what) {
  if (!same_shape(a, b)) {
    throw Error(ErrorKind::shape,
                std::string(what) + ": shapes " + text(a) + " and " + text(b) + " differ");
  }
}

void require_same_dtype(const TensorView& a, const TensorView& b, const char* what) {
  if (a.dtype != b.dtype) {
    throw Error(ErrorKind::dtype, std::string(what) + ": dtypes " + name_of(a.dtype) + " and " +
                                      name_of(b.dtype) + " differ");
  }
}

void require_dtype(const TensorView& a, DType dtype, const char* what) {
  if (a.dtype != dtype) {
    throw Error(ErrorKind::dtype,
                std::string(what) + ": expected " + name_of(dtype) + ", got " + name_of(a.dtype));
  }
}

void require_bytes(const TensorView& a, const char* what) {
  if (bit_width(a.dtype) % 8 != 0) {
    throw Error(ErrorKind::dtype, std::string(what) + ": no such operation on " + name_of(a.dtype));
  }
}

int normalize_axis(int axis, int rank, const char* what) {
  if (axis < -rank || axis >= rank) {
    throw Error(ErrorKind::attribute, std::string(what) + ": axis " + std::to_string(axis) +
                                          " of a tensor of rank " + std::to_string(rank));
  }
  return axis < 0 ? axis + rank : axis;
}

Rows::Rows(const Nest& nest, int64_t max_piece, int64_t cost) : outer(nest) {
  const int64_t size = nest.size();
  if (outer.rank > 0) length = outer.remove(outer.rank - 1, step);
  if (size == 0) return;
  piece = std::min(length, max_piece);
  pieces = (length + piece - 1) / piece;
  grain = std::max<int64_t>(1, kTaskElements / (piece * cost));
  tasks = (outer.size() * pieces + grain - 1) / grain;
}

}  // namespace fi::strided
