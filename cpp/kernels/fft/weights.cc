// The spectra of the weights, done once at prepare: conj F w in float64, with the factors that the
// transforms of inputs and outputs leave out.
//
// A window has few taps beside a tile's t^2 points, so plain sums over them cost no more than fast
// transforms, and are vectors over outputs:
//
//   V(f, g) = sum_a R(a, g) exp(2 pi i f a d / t),   R(a, g) = sum_b w(a, b) exp(2 pi i g b d / t)
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/buffer.h"
#include "kernels/fft/fft.h"

namespace fi::fft {
namespace {

constexpr int64_t kChunk = 16;  // most outputs that are transformed together

struct Lane {
  double v[kChunk];
  void add(double factor, const Lane& x) {
    for (int64_t i = 0; i < kChunk; ++i) v[i] += factor * x.v[i];
  }
};
struct ComplexLane {
  Lane re, im;
};

struct Circle {
  explicit Circle(int t) : cosine(t), sine(t) {
    for (int k = 0; k < t; ++k) {
      cosine[k] = std::cos(2 * M_PI * k / t);
      sine[k] = std::sin(2 * M_PI * k / t);
    }
  }
  std::vector<double> cosine, sine;
};

/// Where the values of one chunk go: point p at data + p * stride, its real parts first.
struct Destination {
  float* data;
  int64_t stride, imaginary, count;  // count: lanes to write

  void put(int64_t p, const Lane& re, const Lane& im, double scale) const {
    float* to = data + p * stride;
    for (int64_t i = 0; i < count; ++i) {
      to[i] = static_cast<float>(re.v[i] * scale);
      to[imaginary + i] = static_cast<float>(im.v[i] * scale);
    }
  }
};

class Spectrum {
 public:
  Spectrum(int t, const WeightView& weights)
      : t_(t),
        w_(weights),
        circle_(t),
        taps_(weights.kernel_h * weights.kernel_w),
        rows_(weights.kernel_h * (t / 2 + 1)) {}

  /// `count` filters, `step` apart, the first at `from`; zeros for what fills a panel.
  void transform(const float* from, int64_t step, int64_t count, const Destination& to) {
    if (count <= 0) {
      const Lane zeros{};
      for (int64_t p = 0; p < t_ * t_ / 2; ++p) to.put(p, zeros, zeros, 1);
      return;
    }
    gather(from, step, count);
    transform_rows();
    for (int slot = 1; slot < t_ / 2; ++slot) inner_slot(slot, to);
    first_slot(to);
  }

 private:
  void gather(const float* first, int64_t step, int64_t count) {
    for (int64_t a = 0; a < w_.kernel_h; ++a) {
      for (int64_t b = 0; b < w_.kernel_w; ++b) {
        Lane& lane = taps_[a * w_.kernel_w + b];
        const float* from = first + a * w_.row + b * w_.column;
        for (int64_t k = 0; k < kChunk; ++k) lane.v[k] = k < count ? from[k * step] : 0.0;
      }
    }
  }

  void transform_rows() {
    for (int64_t a = 0; a < w_.kernel_h; ++a) {
      for (int64_t g = 0; g <= t_ / 2; ++g) {
        ComplexLane sum{};
        for (int64_t b = 0; b < w_.kernel_w; ++b) {
          const Lane& tap = taps_[a * w_.kernel_w + b];
          const int64_t angle = g * b * w_.dilation_w % t_;
          sum.re.add(circle_.cosine[angle], tap);
          sum.im.add(circle_.sine[angle], tap);
        }
        rows_[a * (t_ / 2 + 1) + g] = sum;
      }
    }
  }

  /// V(f, g) and V(t - f, g).
  void column(int64_t f, int64_t g, ComplexLane* plus, ComplexLane* minus) const {
    ComplexLane even{}, odd{};
    for (int64_t a = 0; a < w_.kernel_h; ++a) {
      const ComplexLane& row = rows_[a * (t_ / 2 + 1) + g];
      const int64_t angle = f * a * w_.dilation_h % t_;
      even.re.add(circle_.cosine[angle], row.re);
      even.im.add(circle_.cosine[angle], row.im);
      odd.re.add(circle_.sine[angle], row.re);
      odd.im.add(circle_.sine[angle], row.im);
    }
    *plus = *minus = even;
    plus->re.add(-1, odd.im);
    plus->im.add(1, odd.re);
    minus->re.add(1, odd.im);
    minus->im.add(-1, odd.re);
  }

  double inner_scale() const { return 0.5 / t_ / t_; }

  void inner_slot(int64_t slot, const Destination& to) const {
    ComplexLane plus, minus;
    for (int64_t f = 0; f <= t_ / 2; ++f) {
      column(f, slot, &plus, &minus);
      to.put(slot * t_ + f, plus.re, plus.im, inner_scale());
      if (f > 0 && f < t_ / 2) to.put(slot * t_ + t_ - f, minus.re, minus.im, inner_scale());
    }
  }

  /// See spectrum.inl: frequencies (k, 0), and (t - k, h) read (k, h) for k < h.
  void first_slot(const Destination& to) const {
    ComplexLane first, last, minus;
    for (int64_t k = 0; k <= t_ / 2; ++k) {
      column(k, 0, &first, &minus);
      column(k, t_ / 2, &last, &minus);
      if (k == 0 || k == t_ / 2) {
        to.put(k, first.re, last.re, 2 * inner_scale());
      } else {
        to.put(k, first.re, first.im, inner_scale());
        to.put(t_ - k, last.re, last.im, inner_scale());
      }
    }
  }

  const int t_;
  const WeightView w_;
  const Circle circle_;
  std::vector<Lane> taps_;
  std::vector<ComplexLane> rows_;
};

}  // namespace

void pack_weights(const Layer& layer, const WeightView& weights, int64_t n_begin, int64_t n_end,
                  char* packed) {
  const Kernel& kernel = *layer.kernel;
  const Shape& shape = layer.shape;
  const int64_t nr = kernel.nr, inputs = shape.group_inputs(), points = kernel.points();
  float* const out = reinterpret_cast<float*>(packed);
  Spectrum spectrum(kernel.t, weights);
  if (shape.depthwise()) {
    const int64_t lanes = kernel.lanes;
    for (int64_t n = n_begin; n < n_end; n += lanes) {
      const Destination to{out + n * 2 * points, 2 * lanes, lanes, lanes};
      spectrum.transform(weights.data + n * weights.group, weights.group,
                         std::min(lanes, n_end - n), to);
    }
    return;
  }
  const int64_t outputs = shape.group_outputs(), panels = (outputs + nr - 1) / nr;
  const int64_t point_floats = panels * 2 * nr * inputs, step = std::min(nr, kChunk);
  for (int64_t group = n_begin / outputs; group * outputs < n_end; ++group) {
    const int64_t begin = std::max<int64_t>(0, n_begin - group * outputs);
    const int64_t end = std::min(outputs, n_end - group * outputs);
    for (int64_t n = begin; n < (end + nr - 1) / nr * nr; n += step) {
      for (int64_t i = 0; i < inputs; ++i) {
        const int64_t at = (group * points * panels + n / nr) * inputs + i;
        const Destination to{out + at * 2 * nr + n % nr, point_floats, nr, step};
        const float* from = weights.data + group * weights.group + n * weights.out + i * weights.in;
        spectrum.transform(from, weights.out, std::min(step, end - n), to);
      }
    }
  }
}

}  // namespace fi::fft
