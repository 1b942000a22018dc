// The Winograd rows of one tier (FI_TIER): transforms of the tiles of a block.
#include FI_VEC_H

#include "kernels/name.h"
#include "kernels/winograd/tile.inl"

namespace fi::winograd {
namespace {

/// Where a tile of a grid stands: its image, and its first output.
struct Place {
  int64_t image, y, x;
};
FI_INLINE Place place_of(const Grid& grid, int64_t tile, int m) {
  const int64_t row = tile / grid.columns;
  return {grid.image + row / grid.rows, (grid.row + row % grid.rows) * m, tile % grid.columns * m};
}

FI_INLINE bool whole(const Span& span, int count) { return span.begin == 0 && span.end == count; }

/// Inputs along one axis that outputs [0, outputs) read: [0, that).
FI_INLINE int64_t reached(int64_t outputs, int64_t pad, int64_t inputs) {
  const int64_t end = outputs + 2 - pad;
  return end < inputs ? end : inputs;
}

template <int m>
void run_input(const Convolution& convolution, const Block& block) {
  constexpr int t = m + 2;
  const Image<const float>& x = convolution.input;
  const int64_t height = reached(convolution.output.height, convolution.pad_top, x.height);
  const int64_t width = reached(convolution.output.width, convolution.pad_left, x.width);
  float* points = block.points;
  for (int64_t tile = block.begin; tile < block.end; ++tile, points += block.tile_stride) {
    const Place place = place_of(block.grid, tile, m);
    const int64_t top = place.y - convolution.pad_top, left = place.x - convolution.pad_left;
    const Patch patch{top * x.row_stride + left * x.pixel_stride,
                      x.row_stride,
                      x.pixel_stride,
                      inside(top, t, 0, height),
                      inside(left, t, 0, width),
                      nullptr,
                      block.point_stride};
    const float* image = x.data + place.image * x.batch_stride;
    int64_t c = 0;
    if (whole(patch.rows, t) && whole(patch.columns, t)) {
      for (; c + kLanes <= x.channels; c += kLanes)
        transform_input<m, false>(patch, image + c, points + c, kLanes);
    }
    for (; c < x.channels; c += kLanes) {
      const int lanes = x.channels - c < kLanes ? static_cast<int>(x.channels - c) : kLanes;
      transform_input<m, true>(patch, image + c, points + c, lanes);
    }
  }
}

template <int m>
void run_output(const Convolution& convolution, const Block& block) {
  const Image<float>& y = convolution.output;
  const Image<const float>& residual = convolution.residual;
  float* points = block.points;
  for (int64_t tile = block.begin; tile < block.end; ++tile, points += block.tile_stride) {
    const Place place = place_of(block.grid, tile, m);
    const Patch patch{place.y * y.row_stride + place.x * y.pixel_stride,
                      y.row_stride,
                      y.pixel_stride,
                      inside(place.y, m, convolution.rows.begin, convolution.rows.end),
                      inside(place.x, m, 0, y.width),
                      points,
                      block.point_stride};
    const Epilogue epilogue{convolution.bias,
                            residual.data ? residual.pixel(place.image, place.y, place.x) : nullptr,
                            residual.row_stride, residual.pixel_stride, convolution.activation};
    float* image = y.data + place.image * y.batch_stride;
    int64_t c = 0;
    if (whole(patch.rows, m) && whole(patch.columns, m)) {
      for (; c + kLanes <= y.channels; c += kLanes)
        transform_output<m, false>(patch, epilogue, image, c, kLanes);
    }
    for (; c < y.channels; c += kLanes) {
      const int lanes = y.channels - c < kLanes ? static_cast<int>(y.channels - c) : kLanes;
      transform_output<m, true>(patch, epilogue, image, c, lanes);
    }
  }
}

template <int m>
constexpr Kernel kernel(const char* name) {
  return {{name, "winograd", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          m,
          run_input<m>,
          run_output<m>};
}

constexpr Kernel kRowF23 = kernel<2>(FI_KERNEL_NAME("winograd_f32_f23"));
constexpr Kernel kRowF43 = kernel<4>(FI_KERNEL_NAME("winograd_f32_f43"));
constexpr Kernel kRowF63 = kernel<6>(FI_KERNEL_NAME("winograd_f32_f63"));
constexpr const Kernel* kRows[] = {&kRowF23, &kRowF43, &kRowF63};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::winograd
