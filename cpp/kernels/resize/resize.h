// Resize of NHWC f32 images as ONNX defines it (coordinates in f32, as onnxruntime computes them),
// with the indices and weights of both axes tabulated at prepare.
#pragma once

#include <cstdint>
#include <vector>

#include "base/features.h"
#include "base/view.h"
#include "kernels/resize/kernel.h"

namespace fi::resize {

enum class Mode : uint8_t { nearest, linear, cubic };
enum class Coordinate : uint8_t {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_half_pixel_for_nn,
  tf_crop_and_resize,
};
enum class Nearest : uint8_t { round_prefer_floor, round_prefer_ceil, floor, ceil };

/// By ONNX's names; false if there is none.
bool mode_from_name(const char* name, Mode* out);
bool coordinate_from_name(const char* name, Coordinate* out);
bool nearest_from_name(const char* name, Nearest* out);

struct Resize2d {
  Mode mode = Mode::nearest;
  Coordinate coordinate = Coordinate::half_pixel;
  Nearest nearest = Nearest::round_prefer_floor;
  float scale_h = 1, scale_w = 1;  // as the model gives them, or output / input
  float roi[4] = {0, 0, 1, 1};     // tf_crop_and_resize: start h, start w, end h, end w, normalised
  float extrapolation_value = 0;   // tf_crop_and_resize
  float cubic_a = -0.75f;
  bool exclude_outside = false;  // cubic: taps outside weigh nothing, the others are rescaled
  bool antialias = false;        // linear and cubic, when shrinking
};

/// The taps of one axis.
struct AxisTaps {
  std::vector<int32_t> begin, index;
  std::vector<float> weight;
  Taps view() const { return {begin.data(), index.data(), weight.data()}; }
};
AxisTaps axis_taps(const Resize2d& resize, int64_t in, int64_t out, float scale, float roi_start,
                   float roi_end);

struct Table {
  const Kernel* const* rows;
  int count;
};
/// Every row compiled for this architecture, best tier first.
Table table();
/// The best row that a CPU with these features can run; never null.
const Kernel* find(Function function, FeatureMask features);
/// The function that a mode needs.
Function function_of(const Resize2d& resize);

struct Plan {
  const Kernel* kernel = nullptr;
  AxisTaps rows, columns;
  float outside = 0;
};
/// Throws Error(attribute or shape) for sizes or scales that are not positive.
Plan prepare(const Kernel& kernel, const Resize2d& resize, int64_t in_height, int64_t in_width,
             int64_t out_height, int64_t out_width);

/// Output rows on the calling thread; no scratch.
void run(const Plan& plan, const Image<const float>& src, const Image<float>& dst,
         const RowRange& rows);

/// Source rows [first, second) that output rows [begin, end) read.
struct Rows {
  int64_t begin, end;
};
Rows source_rows(const Plan& plan, int64_t begin, int64_t end);

/// The reference: the same taps, summed in float64.
void reference(const Plan& plan, const Image<const double>& src, const Image<double>& dst);

}  // namespace fi::resize
