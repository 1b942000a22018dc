// Pooling of any rank, dtype and strides. For each position of the window all channels (and images)
// are folded side by side, tap by tap.
#include "kernels/strided/pool_nd.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "kernels/strided/fold.h"
#include "kernels/strided/iterator.h"

namespace fi::strided {
namespace {

/// The taps of a window that lie inside x, visited in row-major order.
struct Taps {
  int axes = 0;
  int64_t first[kMaxRank], count[kMaxRank];      // by spatial axis, in taps
  int64_t origin[kMaxRank], dilation[kMaxRank];  // tap t reads position origin + t * dilation
  int64_t in_image = 1, in_padded = 1;

  /// body(position per axis) for each tap inside x.
  template <class Body>
  void each(Body&& body) const {
    int64_t tap[kMaxRank] = {}, position[kMaxRank];
    for (int64_t k = 0; k < in_image; ++k) {
      for (int a = 0; a < axes; ++a) position[a] = origin[a] + (first[a] + tap[a]) * dilation[a];
      body(position);
      for (int a = axes - 1; a >= 0 && ++tap[a] == count[a]; --a) tap[a] = 0;
    }
  }
};

class PoolOperation : public Operation {
 public:
  PoolOperation(const TensorView& x, const TensorView& y, const TensorView* indices,
                const PoolNd& attributes, std::string_view kind, const Fold& fold)
      : attributes_(attributes),
        x_(x),
        y_(y),
        average_(kind == "average"),
        p_(attributes.p),
        fold_(fold),
        arg_(arg_fold(x.dtype, true, false)),
        size_(element_size(x)),
        to_(converter(x.dtype, accumulator(kind, x.dtype))),
        from_(converter(accumulator(kind, x.dtype), y.dtype)),
        indexed_(indices != nullptr) {
    TensorView image_x = x, image_y = y, image_i = indices ? *indices : y;
    for (int d = 2; d < x.rank; ++d) {
      image_x.shape[d] = image_y.shape[d] = image_i.shape[d] = 1;
      x_step_[d - 2] = x.stride[d] * size_;
      y_step_[d - 2] = y.stride[d] * size_;
      index_step_[d - 2] = indices ? indices->stride[d] * 8 : 0;
      windows_ *= y.shape[d];
    }
    // The fourth operand counts x's elements in logical order: where an image's indices start.
    TensorView logical = image_x;
    logical.dtype = DType::u8;
    logical.stride[0] = logical_stride(x, 0);
    logical.stride[1] = logical_stride(x, 1);
    Nest nest = make_nest({&image_x, &image_y, &image_i, &logical});
    simplify(nest, 1);
    lanes_ = Rows(nest, kRow, kTaskElements);  // one piece is a task of its own
    int64_t taps = 1;
    for (int64_t k : attributes.kernel) taps *= k;
    grain_ = std::max<int64_t>(1, kTaskElements / (lanes_.piece * taps));
    tasks_ = (windows_ * lanes_.tasks + grain_ - 1) / grain_;
  }

  bool run(const Pointers& at, int64_t begin, int64_t end, void*) const override {
    const int64_t stop = std::min(end * grain_, windows_ * lanes_.tasks);
    for (int64_t t = begin * grain_; t < stop; ++t) {
      int64_t window[kMaxRank];
      int64_t left = t / lanes_.tasks;
      for (int a = y_.rank - 3; a >= 0; --a) {
        window[a] = left % y_.shape[a + 2];
        left /= y_.shape[a + 2];
      }
      const Taps taps = taps_of(window);
      const int64_t lane = t % lanes_.tasks;
      lanes_.for_each(lane, lane + 1, [&](const int64_t* offset, int64_t n) {
        const char* x = static_cast<const char*>(at.in[0]) + offset[0];
        char* y = static_cast<char*>(at.out[0]) + offset[1] + place(y_step_, window);
        if (indexed_) {
          char* index = static_cast<char*>(at.out[1]) + offset[2] + place(index_step_, window);
          fold_indexed(taps, x, y, index, offset[3], n);
        } else {
          fold_plain(taps, x, y, n);
        }
      });
    }
    return true;
  }

  static DType accumulator(std::string_view kind, DType dtype) {
    return kind == "lp" ? DType::f64 : accumulator_dtype(dtype);
  }

 private:
  static int64_t logical_stride(const TensorView& v, int axis) {
    int64_t stride = 1;
    for (int d = v.rank - 1; d > axis; --d) stride *= v.shape[d];
    return stride;
  }

  int64_t place(const int64_t* step, const int64_t* position) const {
    int64_t sum = 0;
    for (int a = 0; a < x_.rank - 2; ++a) sum += step[a] * position[a];
    return sum;
  }

  Taps taps_of(const int64_t* window) const {
    Taps taps;
    taps.axes = x_.rank - 2;
    for (int a = 0; a < taps.axes; ++a) {
      const int64_t d = attributes_.dilations[a], k = attributes_.kernel[a];
      const int64_t length = x_.shape[a + 2],
                    origin = window[a] * attributes_.strides[a] - attributes_.pads_begin[a];
      const auto taps_below = [&](int64_t position) {  // how many taps read positions < position
        return std::clamp<int64_t>((position - origin + d - 1) / d, 0, position <= origin ? 0 : k);
      };
      taps.origin[a] = origin;
      taps.dilation[a] = d;
      taps.first[a] = taps_below(0);
      taps.count[a] = taps_below(length) - taps.first[a];
      taps.in_image *= taps.count[a];
      taps.in_padded *= taps_below(length + attributes_.pads_end[a]);
    }
    return taps;
  }

  void fold_plain(const Taps& taps, const char* x, char* y, int64_t n) const {
    RowBuffer acc, gathered, converted, buffer;
    fold_.start(acc.bytes, n, x_.dtype);
    taps.each([&](const int64_t* position) {
      const void* row = read_row(size_, to_, x + place(x_step_, position), lanes_.step[0], n,
                                 gathered, converted);
      fold_.columns(row, n, acc.bytes, &p_);
    });
    const int64_t count =
        average_ && attributes_.count_include_pad ? taps.in_padded : taps.in_image;
    if (fold_.finish && count > 0) fold_.finish(acc.bytes, n, count, &p_);
    write_row(size_, from_, acc.bytes, y, lanes_.step[1], n, buffer);
  }

  void fold_indexed(const Taps& taps, const char* x, char* y, char* index, int64_t image,
                    int64_t n) const {
    RowBuffer best, gathered, converted, buffer;
    int64_t where[kRow];
    fold_.start(best.bytes, n, x_.dtype);
    std::fill_n(where, n, int64_t{-1});
    taps.each([&](const int64_t* position) {
      const void* row = read_row(size_, to_, x + place(x_step_, position), lanes_.step[0], n,
                                 gathered, converted);
      arg_.columns(row, n, best.bytes, where, image + flat(position), lanes_.step[3]);
    });
    write_row(size_, from_, best.bytes, y, lanes_.step[1], n, buffer);
    write_row(8, nullptr, where, index, lanes_.step[2], n, buffer);
  }

  /// A position inside its image, in the storage order asked for.
  int64_t flat(const int64_t* position) const {
    int64_t sum = 0;
    const int axes = x_.rank - 2;
    for (int k = 0; k < axes; ++k) {
      const int a = attributes_.column_major ? axes - 1 - k : k;
      sum = sum * x_.shape[a + 2] + position[a];
    }
    return sum;
  }

  PoolNd attributes_;
  TensorView x_, y_;
  bool average_;
  double p_;
  const Fold& fold_;
  ArgFold arg_;
  int64_t size_;
  Convert to_, from_;
  bool indexed_;
  int64_t x_step_[kMaxRank] = {}, y_step_[kMaxRank] = {}, index_step_[kMaxRank] = {};
  int64_t windows_ = 1, grain_ = 1;
  Rows lanes_;
};

void check(const TensorView& x, const TensorView& y, const PoolNd& attributes) {
  require_bytes(x, "pool");
  require_same_dtype(x, y, "pool");
  const bool fits =
      x.rank >= 3 && y.rank == x.rank && x.shape[0] == y.shape[0] && x.shape[1] == y.shape[1];
  if (!fits) throw Error(ErrorKind::shape, "pool: the result's shape does not fit");
  const size_t axes = x.rank - 2;
  for (const auto* list : {&attributes.kernel, &attributes.strides, &attributes.dilations,
                           &attributes.pads_begin, &attributes.pads_end}) {
    if (list->size() != axes) throw Error(ErrorKind::attribute, "pool: one entry a spatial axis");
  }
  for (const auto* list : {&attributes.kernel, &attributes.strides, &attributes.dilations}) {
    if (*std::min_element(list->begin(), list->end()) < 1) {
      throw Error(ErrorKind::attribute, "pool: kernel, strides and dilations are at least 1");
    }
  }
}

}  // namespace

OperationPtr make_pool_nd(const TensorView& x, const TensorView& y, const TensorView* indices,
                          std::string_view kind, const PoolNd& attributes) {
  check(x, y, attributes);
  const bool max = kind == "max";
  if (!max && kind != "average" && kind != "lp") {
    throw Error(ErrorKind::attribute, "pool: kind " + std::string(kind));
  }
  if (indices) {
    if (!max) throw Error(ErrorKind::attribute, "pool: only max has indices");
    require_dtype(*indices, DType::s64, "pool");
    require_same_shape(y, *indices, "pool");
  }
  if (kind == "lp" && attributes.p < 1) throw Error(ErrorKind::attribute, "pool: p is at least 1");
  const Fold* fold = find_fold(kind == "average" ? "mean" : kind, x.dtype);
  if (!fold)
    throw Error(ErrorKind::dtype, std::string("pool: no such pooling of ") + name_of(x.dtype));
  return std::make_unique<PoolOperation>(x, y, indices, attributes, kind, *fold);
}

}  // namespace fi::strided
