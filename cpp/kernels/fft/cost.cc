// What a layer costs by tiles of t: the transforms, the products or the reading of the weights'
// spectra, and entering the products.
#include <algorithm>

#include "cpu/cache.h"
#include "kernels/fft/fft.h"

namespace fi::fft {
namespace {

// Rows that a product needs before reading its weights, from beyond L2, is no longer what takes
// the time; and rows beyond which nothing more is gained.
constexpr int64_t kLeastTiles = 24, kMostTiles = 96;
constexpr int kTiles[] = {8, 16, 32, 64};

// Fitted on AVX-512, in the cycles of which the gemm room's products take one for 27 MACs: windows
// of 5 to 31, 16 to 256 channels, images of 14 to 112.
constexpr double kEfficiency = 1;                  // of the peak, by a point's product
constexpr double kL3Bytes = 10, kMemoryBytes = 5;  // of weights in a cycle
constexpr double kHidden = 0.7;  // of the shorter of multiplying and reading, by the other
// Bytes in a cycle of images that are read and written a vector of each pixel at a time.
constexpr double kImageBytes = 1.5;
constexpr double kCallCycles = 80;  // entering one point's product
constexpr double kLeastRows = 2;    // fewer rows of a product take as long

/// Cycles of one vector of one pixel of a tile, one way: while the points of a block stay in L2,
/// which doubles otherwise; and both ways without points.
double transform_cycles(int t) { return t == 8 ? 6.5 : t == 16 ? 10 : t == 32 ? 15 : 18; }
double depthwise_cycles(int t) { return t == 8 ? 10 : t == 16 ? 15 : t == 32 ? 21 : 30; }

double rounded_up(int64_t n, double unit) {
  const double whole =
      static_cast<double>((n + static_cast<int64_t>(unit) - 1) / static_cast<int64_t>(unit));
  return whole * unit;
}

int64_t tile_bytes(int t, const Shape& shape) {
  return static_cast<int64_t>(t) * t * (shape.inputs + shape.outputs) *
         static_cast<int64_t>(sizeof(float));
}

}  // namespace

int64_t block_tiles(int t, const Shape& shape) {
  const int64_t tiles = std::max<int64_t>(1, shape.tiles(t));
  const int64_t fitting =
      cpu::cache_sizes().l2 * 3 / 4 / std::max<int64_t>(1, tile_bytes(t, shape));
  const int64_t most = std::clamp(fitting, kLeastTiles, kMostTiles);
  const int64_t blocks = std::max<int64_t>(1, (tiles + most / 2) / most);
  return (tiles + blocks - 1) / blocks;
}

double cycles(int t, const Shape& shape, double macs_per_cycle) {
  const double lanes = std::max(4.0, macs_per_cycle / 2);
  const double pixels = static_cast<double>(t) * t, points = pixels / 2;
  const double tiles = static_cast<double>(std::max<int64_t>(1, shape.tiles(t)));
  const double spectra = static_cast<double>(spectrum_bytes(t, shape));
  const double reading =
      spectra / (spectra > static_cast<double>(cpu::cache_sizes().l3) ? kMemoryBytes : kL3Bytes);
  const double out_vectors = rounded_up(shape.outputs, lanes) / lanes;
  if (shape.depthwise()) {
    const double floats = static_cast<double>(shape.batch * shape.height * shape.width) *
                          static_cast<double>(shape.inputs + shape.outputs);
    return tiles * pixels * out_vectors * depthwise_cycles(t) +
           floats * sizeof(float) / kImageBytes;
  }
  const int64_t block = block_tiles(t, shape);
  const bool spills = block * tile_bytes(t, shape) > cpu::cache_sizes().l2;
  const double vectors = rounded_up(shape.inputs, lanes) / lanes + out_vectors;
  const double transforms = tiles * pixels * vectors * transform_cycles(t) * (spills ? 2 : 1);
  const double blocks = static_cast<double>((shape.tiles(t) + block - 1) / block);
  const double groups = static_cast<double>(shape.groups);
  const double weights = points * groups * static_cast<double>(shape.group_inputs()) *
                         rounded_up(shape.group_outputs(), lanes);  // complex numbers
  const double products =
      4 * weights * std::max(tiles, kLeastRows) / (macs_per_cycle * kEfficiency);
  return transforms + std::max(products, reading * blocks) +
         (1 - kHidden) * std::min(products, reading * blocks) +
         points * groups * blocks * kCallCycles;
}

int best_tile(const Shape& shape, double macs_per_cycle) {
  int best = 0;
  double least = 0;
  for (const int t : kTiles) {
    if (t < shape.extent_h || t < shape.extent_w) continue;
    const double estimate = cycles(t, shape, macs_per_cycle);
    if (best && estimate >= least) continue;
    best = t;
    least = estimate;
  }
  return best;
}

int64_t spectrum_bytes(int t, const Shape& shape) {
  return static_cast<int64_t>(t) * t * shape.group_inputs() * shape.outputs *
         static_cast<int64_t>(sizeof(float));
}

}  // namespace fi::fft
