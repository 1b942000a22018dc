// Copies: the factory simplifies the nest and picks one of four ways to move it.
#include "kernels/strided/copy.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/strided/iterator.h"
#include "kernels/strided/row.h"
#include "kernels/strided/transpose.h"

namespace fi::strided {
namespace {

const char* source(const Pointers& at) { return static_cast<const char*>(at.in[0]); }
char* target(const Pointers& at) { return static_cast<char*>(at.out[0]); }

/// Rows of elements, or of long runs.
class MoveRows : public Operation {
 public:
  MoveRows(const Nest& nest, int64_t size) : rows_(nest, int64_t{1} << 16), size_(size) {
    tasks_ = rows_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    rows_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      move_row(size_, source(at) + offset[0], rows_.step[0], target(at) + offset[1], rows_.step[1],
               n);
    });
    return true;
  }

 private:
  Rows rows_;
  int64_t size_;
};

constexpr int kShortRun = 64;  // bytes

template <int bytes>
void move_runs(const char* src, int64_t src_step, char* dst, int64_t dst_step, int64_t n) {
  for (int64_t i = 0; i < n; ++i) std::memcpy(dst + i * dst_step, src + i * src_step, bytes);
}
using MoveRuns = void (*)(const char*, int64_t, char*, int64_t, int64_t);
template <int... i>
constexpr std::array<MoveRuns, sizeof...(i)> runs_table(std::integer_sequence<int, i...>) {
  return {move_runs<i + 1>...};
}
constexpr auto kMoveRuns = runs_table(std::make_integer_sequence<int, kShortRun>{});

/// Rows of short contiguous runs (a few channels out of each pixel), each moved by a few
/// instructions.
class MoveShortRuns : public Operation {
 public:
  /// `nest` without its innermost loop, which is a run of `bytes`.
  MoveShortRuns(const Nest& nest, int64_t bytes) : rows_(nest, 4096), move_(kMoveRuns[bytes - 1]) {
    tasks_ = rows_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    rows_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      move_(source(at) + offset[0], rows_.step[0], target(at) + offset[1], rows_.step[1], n);
    });
    return true;
  }

 private:
  Rows rows_;
  MoveRuns move_;
};

/// Planes where x is contiguous over i and y over j.
class Transpose : public Operation {
 public:
  Transpose(Nest nest, int i, int64_t size) : size_(size) {
    int64_t step[kMaxOperands];
    nj_ = nest.remove(nest.rank - 1, step);
    src_step_ = step[0];
    ni_ = nest.remove(i, step);
    dst_step_ = step[1];
    planes_ = nest;
    block_j_ = std::min<int64_t>(nj_, 256);
    block_i_ = std::min(ni_, std::max<int64_t>(64, kTaskElements / block_j_));
    across_i_ = (ni_ + block_i_ - 1) / block_i_;
    across_j_ = (nj_ + block_j_ - 1) / block_j_;
    grain_ = std::max<int64_t>(1, kTaskElements / (block_i_ * block_j_));
    tasks_ = (planes_.size() * across_i_ * across_j_ + grain_ - 1) / grain_;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    const int64_t stop = std::min(end * grain_, planes_.size() * across_i_ * across_j_);
    int64_t t = begin * grain_;
    Walker plane(planes_, t / (across_i_ * across_j_));
    int64_t i = t / across_j_ % across_i_ * block_i_, j = t % across_j_ * block_j_;
    for (; t < stop; ++t) {
      transpose(size_, source(at) + plane.offset[0] + i * size_ + j * src_step_, src_step_,
                target(at) + plane.offset[1] + i * dst_step_ + j * size_, dst_step_,
                std::min(block_i_, ni_ - i), std::min(block_j_, nj_ - j));
      // Planes may be as small as a pixel's channels, so no division from one to the next.
      if ((j += block_j_) < nj_) continue;
      j = 0;
      if ((i += block_i_) < ni_) continue;
      i = 0;
      plane.next();
    }
    return true;
  }

 private:
  Nest planes_;
  int64_t size_, ni_, nj_, src_step_, dst_step_;
  int64_t block_i_, block_j_, across_i_, across_j_, grain_;
};

/// Rows that change their dtype on the way.
class Cast : public Operation {
 public:
  Cast(const Nest& nest, const TensorView& x, const TensorView& y)
      : rows_(nest, kRow),
        x_size_(element_size(x)),
        y_size_(element_size(y)),
        convert_(converter(x.dtype, y.dtype)) {
    tasks_ = rows_.tasks;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    RowBuffer gathered, converted;
    rows_.for_each(begin, end, [&](const int64_t* offset, int64_t n) {
      const void* dense =
          read_row(x_size_, nullptr, source(at) + offset[0], rows_.step[0], n, gathered, converted);
      write_row(y_size_, convert_, dense, target(at) + offset[1], rows_.step[1], n, converted);
    });
    return true;
  }

 private:
  Rows rows_;
  int64_t x_size_, y_size_;
  Convert convert_;
};

/// The loop over which x is contiguous, or -1.
int contiguous_loop(const Nest& nest, int64_t size) {
  for (int d = 0; d < nest.rank; ++d) {
    if (nest.stride[0][d] == size) return d;
  }
  return -1;
}

OperationPtr make_move(Nest nest, int64_t size) {
  const int inner = nest.rank - 1;
  if (inner < 0 || nest.size() == 0 || nest.stride[1][inner] != size)
    return std::make_unique<MoveRows>(nest, size);
  if (nest.stride[0][inner] == size) {
    const int64_t bytes = nest.shape[inner] * size;
    if (inner == 0 || bytes > kShortRun) return std::make_unique<MoveRows>(nest, size);
    int64_t unused[kMaxOperands];
    nest.remove(inner, unused);
    return std::make_unique<MoveShortRuns>(nest, bytes);
  }
  const int i = contiguous_loop(nest, size);
  if (i < 0 || nest.stride[0][inner] == 0) return std::make_unique<MoveRows>(nest, size);
  return std::make_unique<Transpose>(nest, i, size);
}

}  // namespace

OperationPtr make_copy(const TensorView& x, const TensorView& y) {
  require_same_shape(x, y, "copy");
  require_bytes(x, "copy");
  require_bytes(y, "copy");
  Nest nest = make_nest({&x, &y});
  simplify(nest, 1);
  if (x.dtype == y.dtype) return make_move(nest, element_size(x));
  return std::make_unique<Cast>(nest, x, y);
}

}  // namespace fi::strided
