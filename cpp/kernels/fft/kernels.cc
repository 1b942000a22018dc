// The FFT rows of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/fft/product.inl"
#include "kernels/fft/tile.inl"
#include "kernels/name.h"

namespace fi::fft {
namespace {

template <int t>
void run_input(const Convolution& convolution, const Block& block) {
  const Work<t> work{block.work};
  const int64_t channels = convolution.input.channels;
  float* points = block.points;
  for (int64_t tile = block.begin; tile < block.end; ++tile, points += block.tile_stride) {
    const auto patch = input_patch(convolution, place_of(block.grid, tile), t);
    for (int64_t c = 0; c < channels; c += kLanes) {
      forward_rows<t>(patch, c, lanes_at(c, channels), work);
#pragma GCC unroll 1
      for (int slot = 0; slot < t / 2; ++slot) {
        float* column = points + slot * t * block.point_stride + c;
        forward_column<t>(work, slot, [&](int k, Complex z) FI_INLINE_LAMBDA {
          store(column + k * block.point_stride, z.re);
          store(column + k * block.point_stride + block.imaginary, z.im);
        });
      }
    }
  }
}

template <int t>
void run_output(const Convolution& convolution, const Block& block) {
  const Work<t> work{block.work};
  const int64_t channels = convolution.output.channels;
  const float* points = block.points;
  for (int64_t tile = block.begin; tile < block.end; ++tile, points += block.tile_stride) {
    const Place place = place_of(block.grid, tile);
    const auto patch = output_patch(convolution, block.grid, place);
    for (int64_t c = 0; c < channels; c += kLanes) {
      const int lanes = lanes_at(c, channels);
#pragma GCC unroll 1
      for (int slot = 0; slot < t / 2; ++slot) {
        const float* column = points + slot * t * block.point_stride + c;
        inverse_column<t>(
            [&](int k) FI_INLINE_LAMBDA {
              const float* p = column + k * block.point_stride;
              return Complex{load_lanes(p, lanes), load_lanes(p + block.imaginary, lanes)};
            },
            work, slot);
      }
      inverse_rows<t>(convolution, place, patch, c, lanes, work);
    }
  }
}

/// Points p of a slot times their weights; see spectrum.inl for those of two real frequencies.
template <int t>
FI_INLINE void multiply_slot(Complex (&points)[t], const float* w, int slot) {
#pragma GCC unroll 1
  for (int k = 0; k < t; ++k, w += 2 * kLanes) {
    const Complex z = points[k], factor{load(w), load(w + kLanes)};
    const bool pair = slot == 0 && k % (t / 2) == 0;
    points[k] = pair ? Complex{mul(z.re, factor.re), mul(z.im, factor.im)} : multiply(z, factor);
  }
}

template <int t>
void run_depthwise(const Convolution& convolution, const Block& block, const float* spectra) {
  const Work<t> work{block.work};
  const int64_t channels = convolution.output.channels;
  for (int64_t c = 0; c < channels; c += kLanes, spectra += t * t * kLanes) {
    const int lanes = lanes_at(c, channels);
    for (int64_t tile = block.begin; tile < block.end; ++tile) {
      const Place place = place_of(block.grid, tile);
      forward_rows<t>(input_patch(convolution, place, t), c, lanes, work);
#pragma GCC unroll 1
      for (int slot = 0; slot < t / 2; ++slot) {
        Complex points[t];
        forward_column<t>(work, slot, [&](int k, Complex z) FI_INLINE_LAMBDA { points[k] = z; });
        multiply_slot<t>(points, spectra + static_cast<int64_t>(slot) * t * 2 * kLanes, slot);
        inverse_column<t>([&](int k) FI_INLINE_LAMBDA { return points[k]; }, work, slot);
      }
      inverse_rows<t>(convolution, place, output_patch(convolution, block.grid, place), c, lanes,
                      work);
    }
  }
}

template <int t>
constexpr Kernel kernel(const char* name) {
  return {{name, "fft", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          t,
          kLanes,
          kPanel,
          run_input<t>,
          run_output<t>,
          multiply_point,
          run_depthwise<t>};
}

constexpr Kernel kRow8 = kernel<8>(FI_KERNEL_NAME("fft_f32_8x8"));
constexpr Kernel kRow16 = kernel<16>(FI_KERNEL_NAME("fft_f32_16x16"));
constexpr Kernel kRow32 = kernel<32>(FI_KERNEL_NAME("fft_f32_32x32"));
constexpr Kernel kRow64 = kernel<64>(FI_KERNEL_NAME("fft_f32_64x64"));
constexpr const Kernel* kRowTable[] = {&kRow8, &kRow16, &kRow32, &kRow64};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRowTable) / sizeof(kRowTable[0]);
  return kRowTable;
}
}  // namespace FI_TIER

}  // namespace fi::fft
