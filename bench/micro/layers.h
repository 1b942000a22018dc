// Layer shapes, read from bench/shapes/*.csv, and what every kernel benchmark needs.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "simd/tier.h"

namespace fi::micro {

/// One convolution of a network: batch 1, square stride and padding.
struct Layer {
  std::string net;
  int64_t height, width, channels_in, channels_out, kernel_h, kernel_w, stride, pad, groups;

  int64_t out_height() const { return (height + 2 * pad - kernel_h) / stride + 1; }
  int64_t out_width() const { return (width + 2 * pad - kernel_w) / stride + 1; }
  bool depthwise() const { return groups > 1 && groups == channels_in; }
  std::string label() const;
};

/// Every layer of every network in bench/shapes.
const std::vector<Layer>& layers();

/// n floats, normal, the same at every call.
AlignedBuffer random_floats(int64_t n);

/// Multiply-accumulates per second of one core in a loop that only multiplies and adds, measured
/// once per tier.
double peak_macs(Tier tier);

void register_gemm();
void register_depthwise();
void register_peak();

}  // namespace fi::micro
