// The rows way: kQuads rows of blocks side by side. Include after FI_VEC_H.
#pragma once

#include "kernels/blocks/blocks.h"
#include "kernels/name.h"
#include "simd/activation.inl"

namespace fi::blocks {
namespace {

constexpr int kStep = kQuads * kBlock;  // weights of a step
constexpr int kParts = kStep / kLanes;  // vectors that hold them
constexpr int kAhead = 24;              // steps to fetch ahead: past the latency of L3

/// Of a row of x, as steps find it: behind it a quad of zeros.
FI_INLINE int64_t padded_inputs(const Product& p) { return p.w.inputs + kBlock; }

FI_INLINE void copy_rows(const Product& p, int64_t m, int count, float* to) {
  for (int r = 0; r < count; ++r, to += padded_inputs(p)) {
    __builtin_memcpy(to, p.row(m + r), static_cast<size_t>(p.w.inputs) * sizeof(float));
    for (int i = 0; i < kBlock; ++i) to[p.w.inputs + i] = 0;
  }
}

template <int block_outputs>
FI_INLINE f32v load_inputs(const float* x, const uint16_t* index) {
  if constexpr (block_outputs == 1) {
    return load_quads([&](int q) FI_INLINE_LAMBDA { return x + kBlock * index[q]; });
  } else {
    return splat_quads([&](int q) FI_INLINE_LAMBDA { return x + index[q]; });
  }
}

/// Sums of even and of odd steps.
template <int rows>
struct Sums {
  f32v of[2][rows][kParts];
};

template <int block_outputs, int rows>
FI_INLINE void sum_group(const Product& p, int64_t group, const float* x, Sums<rows>& sums) {
  const int64_t stride = padded_inputs(p);
  for (int64_t step = p.w.begin[group]; step < p.w.begin[group + 1]; step += 2) {
    const uint16_t* index = p.w.index + step * kQuads;
    const float* value = p.w.value + step * kStep;
    prefetch(value + kAhead * kStep);
    prefetch(value + (kAhead + 1) * kStep);
    prefetch(index + kAhead * kQuads);
#pragma GCC unroll 2
    for (int odd = 0; odd < 2; ++odd) {
#pragma GCC unroll 4
      for (int v = 0; v < kParts; ++v) {
        const f32v weights = load(value + odd * kStep + v * kLanes);
        const uint16_t* quads = index + odd * kQuads + v * kLanes / kBlock;
#pragma GCC unroll 4
        for (int r = 0; r < rows; ++r) {
          f32v& sum = sums.of[odd][r][v];
          sum = fma(load_inputs<block_outputs>(x + r * stride, quads), weights, sum);
        }
      }
    }
  }
}

/// y of the outputs [n, n + count), whose sums stand in `sum`; count at most kBlock.
FI_INLINE void finish(const Product& p, int64_t m, int64_t n, int count, const float* sum) {
  float values[kLanes] = {};
  for (int i = 0; i < count; ++i) {
    values[i] = sum[i];
    if (p.bias) values[i] += p.bias[n + i];
    if (p.residual) values[i] += p.residual[m * p.residual_stride + n + i];
  }
  store(values, activate(load(values), p.activation));
  for (int i = 0; i < count; ++i) p.y[m * p.y_stride + n + i] = values[i];
}

template <int block_outputs, int rows>
FI_INLINE void write_group(const Product& p, int64_t m, int64_t group, const Sums<rows>& sums) {
  for (int r = 0; r < rows; ++r) {
    float sum[kStep];
    for (int v = 0; v < kParts; ++v) {
      store(sum + v * kLanes, add(sums.of[0][r][v], sums.of[1][r][v]));
    }
    for (int q = 0; q < kQuads; ++q) {
      const int64_t row = p.w.row_of[group * kQuads + q];
      float* quad = sum + q * kBlock;
      if (row < 0) break;
      if (block_outputs == 1) quad[0] = (quad[0] + quad[1]) + (quad[2] + quad[3]);
      finish(p, m + r, row * block_outputs, block_outputs, quad);
    }
  }
}

template <int block_outputs, int rows>
void run_groups(const Product& p, int64_t m, int64_t begin, int64_t end, const float* x) {
  for (int64_t group = begin; group < end; ++group) {
    Sums<rows> sums;
    for (auto& chain : sums.of) {
      for (auto& row : chain) {
        for (f32v& sum : row) sum = zero();
      }
    }
    sum_group<block_outputs, rows>(p, group, x, sums);
    write_group<block_outputs, rows>(p, m, group, sums);
  }
}

template <int block_outputs>
void run_rows(const Product& p, int64_t m, int count, int64_t begin, int64_t end, float* scratch) {
  copy_rows(p, m, count, scratch);
  switch (count) {
    case 1:
      return run_groups<block_outputs, 1>(p, m, begin, end, scratch);
    case 2:
      return run_groups<block_outputs, 2>(p, m, begin, end, scratch);
    case 3:
      return run_groups<block_outputs, 3>(p, m, begin, end, scratch);
    default:
      return run_groups<block_outputs, 4>(p, m, begin, end, scratch);
  }
}

}  // namespace
}  // namespace fi::blocks
