// The taps of one axis, from ONNX's attributes. Coordinates are float32, one rounding per
// operation, as onnxruntime computes them: a nearest neighbour at a tie depends on it.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/resize/resize.h"

namespace fi::resize {
namespace {

template <class Enum, int kCount>
bool from_name(const char* const (&names)[kCount], const char* name, Enum* out) {
  for (int i = 0; i < kCount; ++i) {
    if (std::strcmp(names[i], name) != 0) continue;
    *out = static_cast<Enum>(i);
    return true;
  }
  return false;
}

struct Axis {
  int64_t in, out;
  float scale, roi_start, roi_end;
};

/// The source position that output x shows.
float source_position(Coordinate coordinate, const Axis& axis, float x) {
  const float in = static_cast<float>(axis.in), out = static_cast<float>(axis.out), last = in - 1;
  switch (coordinate) {
    case Coordinate::asymmetric:
      return x / axis.scale;
    case Coordinate::align_corners:
      return x * last / std::max(out - 1, 1.0f);
    case Coordinate::tf_half_pixel_for_nn:
      return (x + 0.5f) / axis.scale;
    case Coordinate::tf_crop_and_resize:
      if (axis.out == 1) return 0.5f * (axis.roi_start + axis.roi_end) * last;
      return axis.roi_start * last + x * (axis.roi_end - axis.roi_start) * last / (out - 1);
    case Coordinate::pytorch_half_pixel:
      if (axis.out == 1) return 0;
      break;
    case Coordinate::half_pixel_symmetric: {
      const float shown = out / (axis.scale * in);
      return (x + 0.5f) / axis.scale - 0.5f + in * 0.5f * (1 - shown);
    }
    case Coordinate::half_pixel:
      break;
  }
  return (x + 0.5f) / axis.scale - 0.5f;
}

float nearest_position(Nearest nearest, float x) {
  switch (nearest) {
    case Nearest::floor:
      return std::floor(x);
    case Nearest::ceil:
      return std::ceil(x);
    case Nearest::round_prefer_floor:
      return std::ceil(x - 0.5f);
    case Nearest::round_prefer_ceil:
      break;
  }
  return std::floor(x + 0.5f);
}

double linear_kernel(double t) { return std::max(1 - std::fabs(t), 0.0); }

/// R. Keys, "Cubic convolution interpolation for digital image processing", 1981.
double cubic_kernel(double t, double a) {
  t = std::fabs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/// The taps of one output position, where those beyond the edge count for the pixel at the edge.
class Weights {
 public:
  Weights(const Resize2d& resize, const Axis& axis) : resize_(resize), axis_(axis) {
    stretch_ = resize.antialias ? std::min<double>(axis.scale, 1) : 1;
    reach_ = static_cast<int64_t>(std::ceil((resize.mode == Mode::cubic ? 2 : 1) / stretch_));
  }

  void append(float source, AxisTaps* taps) {
    index_.clear();
    weight_.clear();
    double sum = 0;
    const int64_t base = static_cast<int64_t>(std::floor(source));
    for (int64_t tap = base + 1 - reach_; tap <= base + reach_; ++tap) {
      if (resize_.exclude_outside && (tap < 0 || tap >= axis_.in)) continue;
      const double weight =
          kernel((static_cast<double>(tap) - static_cast<double>(source)) * stretch_);
      sum += weight;
      add(static_cast<int32_t>(std::clamp<int64_t>(tap, 0, axis_.in - 1)), weight);
    }
    for (size_t i = 0; i < index_.size(); ++i) {
      const float weight = static_cast<float>(weight_[i] / sum);
      if (weight == 0) continue;
      taps->index.push_back(index_[i]);
      taps->weight.push_back(weight);
    }
  }

 private:
  double kernel(double t) const {
    return resize_.mode == Mode::cubic ? cubic_kernel(t, static_cast<double>(resize_.cubic_a))
                                       : linear_kernel(t);
  }

  void add(int32_t index, double weight) {
    if (!index_.empty() && index_.back() == index) {
      weight_.back() += weight;
      return;
    }
    index_.push_back(index);
    weight_.push_back(weight);
  }

  const Resize2d& resize_;
  Axis axis_;
  double stretch_;
  int64_t reach_;
  std::vector<int32_t> index_;
  std::vector<double> weight_;
};

}  // namespace

bool mode_from_name(const char* name, Mode* out) {
  static constexpr const char* names[] = {"nearest", "linear", "cubic"};
  return from_name(names, name, out);
}

bool coordinate_from_name(const char* name, Coordinate* out) {
  static constexpr const char* names[] = {
      "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
      "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
  return from_name(names, name, out);
}

bool nearest_from_name(const char* name, Nearest* out) {
  static constexpr const char* names[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                          "ceil"};
  return from_name(names, name, out);
}

AxisTaps axis_taps(const Resize2d& resize, int64_t in, int64_t out, float scale, float roi_start,
                   float roi_end) {
  const Axis axis = {in, out, scale, roi_start, roi_end};
  const bool crops = resize.coordinate == Coordinate::tf_crop_and_resize;
  const bool identity = in == out && scale == 1 && !crops;  // in any mode, as onnxruntime has it
  const float last = static_cast<float>(in - 1);
  Weights weights(resize, axis);
  AxisTaps taps;
  taps.begin.push_back(0);
  for (int64_t x = 0; x < out; ++x) {
    const float source = identity ? static_cast<float>(x)
                                  : source_position(resize.coordinate, axis, static_cast<float>(x));
    if (crops && !(source >= 0 && source <= last)) {
      // No taps: the extrapolation value.
    } else if (identity || resize.mode == Mode::nearest) {
      const float nearest = identity ? source : nearest_position(resize.nearest, source);
      taps.index.push_back(static_cast<int32_t>(std::clamp(nearest, 0.0f, last)));
      taps.weight.push_back(1);
    } else {
      weights.append(source, &taps);
    }
    taps.begin.push_back(static_cast<int32_t>(taps.index.size()));
  }
  return taps;
}

}  // namespace fi::resize
