// Layer shapes, read from bench/shapes/*.csv, and what every kernel benchmark needs.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/view.h"
#include "base/window.h"
#include "simd/tier.h"

namespace fi::micro {

/// One convolution of a network: batch 1, square stride and dilation.
struct Layer {
  std::string net;
  int64_t height, width, channels_in, channels_out, kernel_h, kernel_w, stride, pad, groups;
  int64_t dilation = 1;
  int64_t pad_end = -1;  // at the bottom and on the right; below 0: as pad
  int64_t transposed = 0;

  int64_t out_height() const { return out_size(height, kernel_h); }
  int64_t out_width() const { return out_size(width, kernel_w); }
  int64_t out_pixels() const { return out_height() * out_width(); }
  int64_t group_inputs() const { return channels_in / groups; }
  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t weights() const { return channels_out * group_inputs() * taps(); }
  double macs() const { return static_cast<double>(weights()) * static_cast<double>(out_pixels()); }
  bool depthwise() const { return groups > 1 && groups == channels_in; }
  bool dense() const { return groups == 1; }
  Window window() const;
  std::string label() const;

 private:
  int64_t out_size(int64_t size, int64_t kernel) const {
    return (size + pad + (pad_end < 0 ? pad : pad_end) - (kernel - 1) * dilation - 1) / stride + 1;
  }
};

/// Every convolution of every network in bench/shapes; no transposed ones.
const std::vector<Layer>& layers();

/// A fully connected layer.
struct Matrix {
  int64_t inputs, outputs;
  std::string label() const { return std::to_string(inputs) + "x" + std::to_string(outputs); }
};

/// Those of bench/shapes/products.csv, each once.
const std::vector<Matrix>& matrices();

/// n floats, normal, the same at every call.
AlignedBuffer random_floats(int64_t n);
/// Of which the share `density`, spread at random in runs of `run`, is not zero.
AlignedBuffer sparse_floats(int64_t n, double density, int64_t run = 1);

/// A layer's tensors: x, OIHW weights and bias at random, and y.
struct Tensors {
  explicit Tensors(const Layer& layer);
  double bytes() const { return static_cast<double>(x.bytes() + y.bytes() + w.bytes()); }

  AlignedBuffer x, y, w, bias;
  Image<const float> input;  // NHWC
  Image<float> output;
  Planes<const float> planes;  // the same memory as NCHW
  Planes<float> out_planes;
};

/// Strides of dense OIHW weights, for a room's WeightView.
template <class View>
View oihw(const Layer& layer, const AlignedBuffer& w) {
  View view{};
  view.data = w.as<float>();
  view.out = layer.group_inputs() * layer.taps();
  view.in = layer.taps();
  view.row = layer.kernel_w;
  view.column = 1;
  return view;
}

/// Multiply-accumulates per second of one core in a loop that only multiplies and adds, measured
/// once per tier.
double peak_macs(Tier tier);
/// Bytes per second of one core in a loop that reads that many, measured once per size.
double read_bytes(Tier tier, int64_t bytes);

/// Counts something per iteration as a rate.
void rate(benchmark::State& state, const char* name, double each);
/// MAC/s, peak% and B/s of iterations of so many multiply-accumulates and bytes.
void report(benchmark::State& state, Tier tier, double macs, double bytes);

bool usable(Tier tier);

/// Calls add(row) for every row of a room's table that can be used here.
template <class Table, class Add>
void for_usable(const Table& table, Add&& add) {
  for (int i = 0; i < table.count; ++i) {
    if (usable(table.rows[i]->info.tier)) add(table.rows[i]);
  }
}

void register_blocks();
void register_codebook();
void register_depthwise();
void register_direct();
void register_fft();
void register_gemm();
void register_grouped();
void register_huffman();
void register_peak();
void register_planar();
void register_sparse();
void register_winograd();

}  // namespace fi::micro
