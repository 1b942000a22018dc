// Which algorithm a step takes: a pure function of operator, shapes, weight form, features and
// machine constants.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/features.h"
#include "base/window.h"
#include "plan/operator.h"

namespace fi::plan {

/// Machine constants of the widest usable tier.
struct Machine {
  double macs_per_cycle;   // f32, per core
  double bytes_per_cycle;  // copies that stay in L2
  double gather_cycles;    // of one float, from L1
  double window_cycles;    // of a look-up in a window for each output of a group (codebook.h)
  double stream_cycles;    // of one vector from L1 by one weight, where weights are not reused
};
Machine machine_of(FeatureMask features);

struct Candidate {
  std::string algorithm;
  double cycles = 0;            // estimate, of one core
  std::string refusal = {};     // why it cannot do this step; empty: it can
  std::string inaccurate = {};  // why it is taken only if asked for; empty: it is accurate
  int64_t lowered_bytes = 0;    // of the matrix that one image is lowered to; 0: to none
  double error = 0;             // see expect_error; 0: sums as they stand, no transform

  /// The error to be expected of a transform's rounding, as a share of the output's root mean
  /// square; the candidate is inaccurate where that is over 2e-5: a network of twenty such layers
  /// still agrees within 1e-4 of its largest output. The worst case (winograd::error_bound) does
  /// not decide: for it every rounding of every term must go the same way, so it is far above
  /// anything measured, and would leave no layer of a network to f43 or f63.
  void expect_error(double expected);
};

/// What is asked for at a step. Empty algorithm: nothing.
struct Wish {
  std::string algorithm;
  std::string tuned = {};  // not empty: what timing found, to be taken only where accurate
};

struct Choice {
  std::string algorithm;
  std::string why;
  std::vector<std::pair<std::string, std::string>> refused;    // the others, each with its reason
  std::vector<std::pair<std::string, int64_t>> lowered_bytes;  // of the candidates that lower
  std::vector<std::pair<std::string, double>> errors;          // of those that transform
  bool forced = false;
  std::vector<std::pair<std::string, double>> candidates;  // that might be taken, and their cycles

  /// What a step's report says of it.
  void tell(StepReport& report) const;
};

/// The cheapest candidate that is neither refused nor inaccurate, or the one wished for if that can
/// do it. Empty algorithm: none can.
Choice choose(const std::vector<Candidate>& candidates, const Wish& wish);

/// A convolution as seen by the cost model.
struct ConvQuery {
  int64_t batch, in_height, in_width, in_channels;
  int64_t out_height, out_width, out_channels;
  int64_t groups;
  Window window;
  bool constant_weights;  // known at prepare
  bool uniform_pixels;    // input pixels of an image step evenly, so that they are rows of a matrix
  int64_t input_bytes;    // from the input's first element to its last
  bool planar;            // the input's channels are not neighbours: others than direct copy it
  bool placed;            // channels are read through places: others than pointwise copy them
  bool thresholded;       // a step function follows: the order of rounding may tip its result
  double density = 1;     // share of the weights that are not zero
  int block_outputs = 0;  // of the blocks that the weights are stored in, 1 or 4; 0: in none
};

/// Estimated cycles of the convolution's product alone, whatever brings its left-hand side.
double gemm_cycles(const ConvQuery& query, const Machine& machine);

/// depthwise, grouped, pointwise, direct, indirect, im2col, mec, winograd_f23, winograd_f43,
/// winograd_f63, fft, blocks.
std::vector<Candidate> conv_candidates(const ConvQuery& query, const Machine& machine);

/// Of planar tensors: sparse, depthwise_planar.
std::vector<Candidate> planar_candidates(const ConvQuery& query, const Machine& machine);

/// Max or average pooling as seen by the cost model.
struct PoolQuery {
  int64_t batch, channels, in_width, out_height, out_width;
  Window window;
};
/// Estimated cycles over NHWC, and over planes: infinity where no planar kernel takes the window.
struct PoolCycles {
  double nhwc, planar;
};
PoolCycles pool_cycles(const PoolQuery& query, const Machine& machine);

/// Copying a tensor of so many bytes from one layout to another.
double layout_cycles(double bytes, const Machine& machine);

/// Whether some operator knows an algorithm of that name.
bool is_algorithm(const std::string& name);
/// All of these names, as words.
std::string algorithm_names();

}  // namespace fi::plan
