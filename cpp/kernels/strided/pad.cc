// Padding by tables: for each axis, where in x each position of y comes from.
#include "kernels/strided/pad.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "base/error.h"
#include "kernels/strided/iterator.h"
#include "kernels/strided/row.h"
#include "kernels/strided/scalar.h"

namespace fi::strided {
namespace {

constexpr int64_t kOutside = INT64_MIN;

enum class Mode { constant, reflect, edge, wrap };

/// The position in [0, n) that position i of the unpadded axis stands for, or kOutside.
int64_t source(Mode mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case Mode::constant:
      return kOutside;
    case Mode::edge:
      return std::clamp<int64_t>(i, 0, n - 1);
    case Mode::wrap:
      return ((i % n) + n) % n;
    case Mode::reflect:
      break;
  }
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), r = ((i % period) + period) % period;
  return std::min(r, period - r);
}

/// One axis: byte offsets into x, and the run [first, last) that is x's own elements in order.
struct Axis {
  std::vector<int64_t> offset;
  int64_t first = 0, last = 0;
};

Axis make_axis(Mode mode, int64_t x_length, int64_t y_length, int64_t before, int64_t after,
               int64_t step) {
  const int64_t crop = std::max<int64_t>(-before, 0), crop_end = std::max<int64_t>(-after, 0);
  const int64_t n = std::max<int64_t>(x_length - crop - crop_end, 0);
  const int64_t pad = std::max<int64_t>(before, 0);
  Axis axis;
  if (n == 0 && mode != Mode::constant && y_length > 0) {
    throw Error(ErrorKind::shape, "pad: an empty axis has nothing to repeat");
  }
  for (int64_t i = 0; i < y_length; ++i) {
    const int64_t from = source(mode, i - pad, n);
    axis.offset.push_back(from == kOutside ? kOutside : (from + crop) * step);
  }
  axis.first = std::min(pad, y_length);
  axis.last = std::min(pad + n, y_length);
  return axis;
}

/// Lines of y along the loop that is innermost in its memory.
class Pad : public Operation {
 public:
  Pad(const TensorView& x, const TensorView& y, Mode mode, const std::vector<int64_t>& pads,
      Scalar value)
      : size_(element_size(y)) {
    store_scalar(value, y.dtype, value_);
    const std::vector<int> order = memory_order(y);
    outer_.operands = 1;
    for (int d : order) {
      const int r = outer_.rank++;
      outer_.shape[r] = y.shape[d];
      outer_.stride[0][r] = y.stride[d] * size_;
      axes_.push_back(
          make_axis(mode, x.shape[d], y.shape[d], pads[d], pads[x.rank + d], x.stride[d] * size_));
    }
    length_ = outer_.remove(outer_.rank - 1, &step_);
    x_step_ = x.stride[order.back()] * size_;
    grain_ = std::max<int64_t>(1, kTaskElements / std::max<int64_t>(length_, 1));
    tasks_ = length_ == 0 ? 0 : (outer_.size() + grain_ - 1) / grain_;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    const int64_t stop = std::min(end * grain_, outer_.size());
    if (begin * grain_ >= stop) return true;
    Walker walker(outer_, begin * grain_);
    for (int64_t line = begin * grain_; line < stop; ++line, walker.next()) {
      write_line(static_cast<const char*>(at.in[0]),
                 static_cast<char*>(at.out[0]) + walker.offset[0], walker);
    }
    return true;
  }

 private:
  static std::vector<int> memory_order(const TensorView& y) {
    std::vector<int> order(y.rank);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      // An axis of length 1 makes no useful line.
      const auto key = [&](int d) { return y.shape[d] == 1 ? INT64_MAX : std::abs(y.stride[d]); };
      return key(a) > key(b);
    });
    return order;
  }

  void write_line(const char* x, char* y, const Walker& walker) const {
    for (int d = 0; d < outer_.rank; ++d) {
      const int64_t offset = axes_[d].offset[walker.index(d)];
      if (offset == kOutside) return move_row(size_, value_, 0, y, step_, length_);
      x += offset;
    }
    const Axis& axis = axes_.back();
    write_edge(axis, x, y, 0, axis.first);
    if (axis.last > axis.first) {
      move_row(size_, x + axis.offset[axis.first], x_step_, y + axis.first * step_, step_,
               axis.last - axis.first);
    }
    write_edge(axis, x, y, std::max(axis.first, axis.last), length_);
  }

  void write_edge(const Axis& axis, const char* x, char* y, int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; ++i) {
      const char* from = axis.offset[i] == kOutside ? value_ : x + axis.offset[i];
      move_row(size_, from, 0, y + i * step_, step_, 1);
    }
  }

  int64_t size_;
  alignas(8) char value_[8];
  std::vector<Axis> axes_;  // the line's last
  Nest outer_;
  int64_t length_, step_, x_step_, grain_;
};

Mode mode_from_name(std::string_view name) {
  if (name == "constant") return Mode::constant;
  if (name == "reflect") return Mode::reflect;
  if (name == "edge") return Mode::edge;
  if (name == "wrap") return Mode::wrap;
  throw Error(ErrorKind::attribute, "pad: mode " + std::string(name));
}

}  // namespace

OperationPtr make_pad(const TensorView& x, const TensorView& y, std::string_view mode,
                      const std::vector<int64_t>& pads, Scalar value) {
  require_bytes(x, "pad");
  require_same_dtype(x, y, "pad");
  if (pads.size() != 2u * x.rank) throw Error(ErrorKind::attribute, "pad: two pads an axis");
  TensorView padded = x;
  for (int d = 0; d < x.rank; ++d) padded.shape[d] += pads[d] + pads[x.rank + d];
  require_same_shape(padded, y, "pad");
  const Mode m = mode_from_name(mode);
  if (x.rank == 0) {  // as one axis of one element
    TensorView x1 = x, y1 = y;
    x1.rank = y1.rank = 1;
    x1.shape[0] = y1.shape[0] = 1;
    return std::make_unique<Pad>(x1, y1, m, std::vector<int64_t>{0, 0}, value);
  }
  return std::make_unique<Pad>(x, y, m, pads, value);
}

}  // namespace fi::strided
