// The contract of products by block-sparse weights: 1x1 convolutions of NHWC tensors and fully
// connected layers,
//
//   y(m, n) = activation( sum over the stored blocks of w(n, k) x(m, k) + bias(n) + residual(m, n)
//   )
//
// A block is 1x4 (an output, four inputs that are neighbours) or 4x1 (four neighbouring outputs of
// one input). A block that is not stored multiplies nothing, not even an infinity; an element of a
// stored block counts, zero or not. Two ways:
//
// pixels: for many rows of x. A tile of them is transposed in scratch, so that vectors hold
//   neighbouring pixels of one input. The sums of four outputs stay in registers while their blocks
//   are streamed, and are transposed back; kOutputs outputs of a pixel, a line of y, are written at
//   once. A 4x1 block makes four multiply-adds of each vector that it reads, and so
//   runs at the speed of multiplying; single weights, and 1x4 blocks, at that of reading.
//
// rows: for a few rows. A step of kQuads rows of blocks side by side: 16 weights, and a quad of x
//   for each four of them, loaded (1x4) or repeated (4x1): no gather, and an index of two bytes for
//   four weights. Rows of blocks are sorted by length; what a shorter one lacks in its group of
//   kQuads points at zeros behind x.
//
// Every sum is one chain over k (rows: two, of even and odd steps), whatever the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "base/inline.h"
#include "kernels/kernel.h"

namespace fi::blocks {

constexpr int kBlock = 4;     // weights of a block
constexpr int kOutputs = 16;  // of a group of the pixels way
constexpr int kQuads = 4;     // rows of blocks side by side in the rows way
constexpr int kMaxRows = 4;   // rows of x that it takes at once

enum class Way : uint8_t { pixels, rows };

/// A stored block as the pixels way reads it.
struct Block {
  float value[kBlock];
  int32_t input;  // the first
};

/// A packed weight, seen. Rows of blocks are of block_outputs outputs each.
struct Matrix {
  Way way;
  int block_outputs;  // 1 or 4
  int64_t outputs, inputs, rows, groups;
  int64_t blocks;  // stored
  const int64_t*
      begin;           // pixels: each row's first block, and the end; rows: each group's first step
  const Block* block;  // pixels
  const int32_t* row_of;  // rows: the row of each quad of a group; -1: none
  const uint16_t* index;  // rows: kQuads a step: the block's first input, in blocks where 1x4
  const float* value;     // rows: kQuads * kBlock a step
};

struct Product {
  Matrix w;
  const float* x;    // rows contiguous; lines of `width` rows, as strided convolutions read them
  int64_t x_stride;  // elements, as all strides
  int64_t width = INT64_MAX, line_stride = 0;
  float* y;
  int64_t y_stride;
  const float* bias;      // by output, or null
  const float* residual;  // rows contiguous, or null
  int64_t residual_stride;
  Activation activation;

  FI_INLINE const float* row(int64_t m) const {
    return x + m / width * line_stride + m % width * x_stride;
  }
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  Way way;
  int block_outputs;
  int most;  // rows of x that a call takes
  int unit;  // of which it computes whole multiples
  /// Rows [m, m + count) of x; groups [begin, end): of kOutputs outputs, or of kQuads rows of
  /// blocks.
  void (*run)(const Product& product, int64_t m, int count, int64_t begin, int64_t end,
              float* scratch);
};

struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();
/// The usable row of the best tier; null if none.
const Kernel* best_row(FeatureMask usable, Way way, int block_outputs);

/// Scratch that one worker needs for run().
size_t scratch_bytes(const Kernel& kernel, int64_t inputs);

/// Rows [m_begin, m_end) of x and groups [begin, end), on the calling thread.
void run(const Kernel& kernel, const Product& product, int64_t m_begin, int64_t m_end,
         int64_t begin, int64_t end, char* scratch);

/// The reference in float64: dense x (m, k), w (n, k), residual (m, n).
void reference(int64_t m, int64_t n, int64_t k, const double* x, const double* w,
               const double* bias, const double* residual, Activation activation, double* y);

}  // namespace fi::blocks
