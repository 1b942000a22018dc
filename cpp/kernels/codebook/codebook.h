// The contract of products by weights that stay coded: fully connected layers of few rows.
//
//   y(m, n) = activation( scale(n) * sum_k x(m, k) w(n, k) + bias(n) + residual(m, n) )
//
// Such a layer reads each weight once, so bytes are what it costs. Three forms of w:
//
// coded: every weight a code. Outputs in panels of Kernel::outputs, within a panel k by k; codes of
//   4 bits hold two k in a byte, the even one in the low nibble.
//
// gapped: only the weights that are there, each a code and the distance from the one before it in
//   its output. An output is a lane: kGroup of them run side by side, each along its own weights,
//   its position in x a running sum of distances, its x gathered (the layout is SELL-C-sigma,
//   Kreutzer et al., SIAM J. Sci. Comput. 36(5), 2014, with gaps for column indices). Outputs are
//   sorted by their number of weights, so the lanes of a group end nearly together: 0.1 % of the
//   entries of a 9216 x 4096 layer of density 9 % are filling. A distance is a byte: shorter ones
//   would need fillers, and each costs a gather. An entry of code 0 is no weight: its x counts as
//   0, so that an infinity there goes nowhere. Blocks, for codes of
//     4 bits      two steps: kGroup bytes of codes (the first step's in the low nibbles), kGroup
//                 distances of the first step, kGroup of the second
//     5, 8 bits   one step: kGroup codes, kGroup distances
//     f32         one step: kGroup distances, kGroup values; the value 0 is no weight
//
// windowed: likewise a lane for each of kGroup outputs, in their own order. A block holds up to
//   kWindowEntries weights of each, all of inputs first .. first + kWindow - 1, which two registers
//   hold: a permutation of them takes the place of the gather. `first` is the next input that some
//   lane needs, so lanes with few weights wait while others go on. Of random weights that leaves 39
//   % of a block empty at a density of 9 %, 15 % at 25 % and 62 % at 4 %. A lane's word has, for
//   each entry from the lowest bits on, kOffsetBits of input - first and 5 of its code; code 0 is
//   no weight, and with f32 the values of each entry follow the words.
//
// The gather bounds the gapped form; on some processors it takes twice as long as on others. On a
// core with AVX-512, 9216 x 4096 at 9 % and codes of 4 bits: 0.17 ns an entry, 5.8 G weights/s, 8.6
// GB/s; gathers of 8 lanes run 5 % behind. The other way, a bit mask over 16 inputs, vexpandps of
// the codes' values, and no gather, takes four instructions for 16 inputs, which at 9 % hold 1.4
// weights: three times the work. A product is one chain over k (windowed: one for each entry of a
// word), whatever the number of rows and threads.
#pragma once

#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "kernels/kernel.h"

namespace fi::codebook {

constexpr int kGroup = 16;    // outputs side by side in the gapped and windowed forms
constexpr int kMaxRows = 4;   // rows of x that a kernel takes at once
constexpr int kValues = 256;  // entries of a table

constexpr int kWindow = 32, kOffsetBits = 5;         // inputs of a window, and what counts them
constexpr int kWindowEntries = 3, kWindowBits = 10;  // of a lane's word, and bits of each

enum class Form : uint8_t { coded, gapped, windowed };
enum class Code : uint8_t {
  c4,  // 16 values, looked up in registers
  c5,  // a byte below 32, in registers
  c8,  // a byte, in memory
  s8,  // coded only: the value itself
  f32  // not coded: the value itself
};
/// Codes that a table of so many values needs; f32 beyond 256.
Code code_of(int64_t values);

/// A packed weight, seen.
struct Matrix {
  Form form;
  Code code;
  int64_t outputs, inputs, groups, group_outputs;
  int64_t entries;           // weights that are there
  int64_t blocks;            // windowed
  const int64_t* begin;      // not coded: where each group's steps start in data, and the end
  const int32_t* output_of;  // gapped: the output of each lane; lanes behind the last repeat one
  const int32_t* first;      // windowed: the first input of each block's window
  const float* values;       // kValues, zeros behind the last; not s8, f32
  const uint8_t* data;
  int64_t bytes;  // of data
};

constexpr int64_t window_block_bytes(Code code) {
  return kGroup * static_cast<int64_t>(sizeof(float)) *
         (code == Code::f32 ? 1 + kWindowEntries : 1);
}

struct Product {
  Matrix w;
  int64_t m;
  const float* x;    // rows contiguous
  int64_t x_stride;  // elements, as all strides
  float* y;
  int64_t y_stride;
  const float* scale;     // by output, or null
  const float* bias;      // by output, or null
  const float* residual;  // rows contiguous, or null
  int64_t residual_stride;
  Activation activation;
  bool finite = false;  // windowed: x is known to be; run() finds out
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  Form form;
  Code code;
  int group_outputs;  // of a panel or group
  /// Groups [begin, end) of as many rows from m on as the index says, less one.
  void (*run[kMaxRows])(const Product& product, int64_t m, int64_t begin, int64_t end);
};

struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();
/// The usable row of the best tier; null if none.
const Kernel* best_row(FeatureMask usable, Form form, Code code);

/// All rows of groups [begin, end), on the calling thread.
void run(const Kernel& kernel, const Product& product, int64_t begin, int64_t end);

/// The reference in float64: dense x (m, k), w (n, k), residual (m, n).
void reference(int64_t m, int64_t n, int64_t k, const double* x, const double* w,
               const double* scale, const double* bias, const double* residual,
               Activation activation, double* y);

}  // namespace fi::codebook
