#include "plan/choose_direct.h"

#include <algorithm>

namespace fi::plan {
namespace {

constexpr int64_t kMostChannels = 4;
constexpr double kEfficiency = 0.85;  // of the peak, inside a tile
constexpr double kTileCycles = 60;    // entering a tile of 12 pixels and storing it
constexpr double kTilePixels = 12;
constexpr double kCopyCycles = 0.15;     // a float of the input
constexpr double kInterleaveCycles = 2;  // a float of the input

double input_floats(const ConvQuery& q) {
  return static_cast<double>(q.batch * q.in_height * q.in_width) *
         static_cast<double>(q.in_channels);
}

}  // namespace

Candidate direct_candidate(const ConvQuery& q, const Machine& machine) {
  Candidate c{"direct"};
  if (q.in_channels > kMostChannels) {
    c.refusal = "the input has more than 4 channels";
  } else if (q.groups != 1) {
    c.refusal = "the channels are grouped";
  } else if (!q.constant_weights) {
    c.refusal = "the weights are not constant";
  }
  const double pixels =
                   static_cast<double>(q.batch * q.out_height) * static_cast<double>(q.out_width),
               lanes = machine.macs_per_cycle / 2;
  const double vectors = std::max(1.0, static_cast<double>(q.out_channels) / lanes);
  const double k = static_cast<double>(q.window.taps() * q.in_channels);
  const double tile_sums = kTileCycles * vectors / 2;
  c.cycles = pixels * vectors * lanes * k / (machine.macs_per_cycle * kEfficiency) +
             pixels / kTilePixels * tile_sums + input_floats(q) * kCopyCycles;
  return c;
}

double interleaving_cycles(const ConvQuery& q) { return input_floats(q) * kInterleaveCycles; }

}  // namespace fi::plan
