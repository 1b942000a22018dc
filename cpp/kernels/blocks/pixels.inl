// The pixels way: a tile of pixels, four outputs at a time. Include after FI_VEC_H.
#pragma once

#include "kernels/blocks/blocks.h"
#include "kernels/blocks/quads.inl"
#include "kernels/name.h"
#include "simd/epilogue.inl"

namespace fi::blocks {
namespace {

/// out[i * width + p] = x(m + p, i); the last pixel stands for those beyond `pixels`.
template <int width>
FI_INLINE void stage_pixels(const Product& product, int64_t m, int pixels, float* out) {
  const int64_t inputs = product.w.inputs;
  for (int first = 0; first < pixels; first += kLanes) {
    const float* at[kLanes];
    for (int p = 0; p < kLanes; ++p) {
      at[p] = product.row(m + (first + p < pixels ? first + p : pixels - 1));
    }
    int64_t i = 0;
    for (; i + 4 <= inputs; i += 4) {
      f32v quads[4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        quads[j] = load_quads([&](int q) FI_INLINE_LAMBDA { return at[4 * q + j] + i; });
      }
      transpose_quads(quads);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) store(out + (i + j) * width + first, quads[j]);
    }
    for (; i < inputs; ++i) {
      for (int p = 0; p < kLanes; ++p) out[i * width + first + p] = at[p][i];
    }
  }
}

/// Adds blocks to the sums of the outputs from `output` on.
template <int block_outputs, int count, int width>
FI_INLINE void add_blocks(const Block* block, const Block* end, const float* x, int output,
                          f32v (&sum)[4][count]) {
  for (; block != end; ++block) {
    const float* from = x + static_cast<int64_t>(block->input) * width;
#pragma GCC unroll 4
    for (int b = 0; b < kBlock; ++b) {
      const int o = block_outputs == 1 ? 0 : b, i = block_outputs == 1 ? b : 0;
      const f32v weight = splat(block->value[b]);
#pragma GCC unroll 8
      for (int v = 0; v < count; ++v) {
        f32v& to = sum[output + o][v];
        to = fma(weight, load(from + i * width + v * kLanes), to);
      }
    }
  }
}

/// Sums of four outputs to part[pixel * kOutputs].
template <int count>
FI_INLINE void put_sums(const f32v (&sum)[4][count], float* part) {
#pragma GCC unroll 8
  for (int v = 0; v < count; ++v) {
    f32v quads[4] = {sum[0][v], sum[1][v], sum[2][v], sum[3][v]};
    transpose_quads(quads);
    float* first = part + v * kLanes * kOutputs;
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      store_quads([&](int q) FI_INLINE_LAMBDA { return first + (4 * q + j) * kOutputs; }, quads[j]);
    }
  }
}

/// y of kOutputs outputs from n on (those that exist), from their sums.
FI_INLINE void write_pixels(const Product& p, int64_t m, int pixels, int64_t n, const float* part) {
  for (int c = 0; c < kOutputs && n + c < p.w.outputs; c += kLanes) {
    const int64_t left = p.w.outputs - n - c;
    const int lanes = left < kLanes ? static_cast<int>(left) : kLanes;
    float* y = p.y + m * p.y_stride + n + c;
    const float* residual = p.residual ? p.residual + m * p.residual_stride + n + c : nullptr;
    for (int i = 0; i < pixels; ++i, y += p.y_stride) {
      f32v sum = load(part + i * kOutputs + c);
      if (residual) sum = add(sum, load_lanes(residual + i * p.residual_stride, lanes));
      store_lanes(y, activate(sum, p.activation), lanes);
    }
  }
}

/// The sums of four outputs from n on, over `count` vectors of pixels.
template <int block_outputs, int count, int width>
FI_INLINE void sum_outputs(const Product& p, int64_t n, const float* x, f32v (&sum)[4][count]) {
#pragma GCC unroll 4
  for (int o = 0; o < 4; ++o) {
    const f32v bias = splat(p.bias && n + o < p.w.outputs ? p.bias[n + o] : 0.0f);
#pragma GCC unroll 8
    for (int v = 0; v < count; ++v) sum[o][v] = bias;
  }
#pragma GCC unroll 4
  for (int o = 0; o < 4; o += block_outputs) {
    if (n + o >= p.w.outputs) break;
    const int64_t* row = p.w.begin + (n + o) / block_outputs;
    add_blocks<block_outputs, count, width>(p.w.block + row[0], p.w.block + row[1], x, o, sum);
  }
}

/// `count` vectors of the tile, from the pixel m on.
template <int block_outputs, int count, int width>
void run_vectors(const Product& p, int64_t m, int pixels, int64_t begin, int64_t end,
                 const float* x) {
  alignas(64) float part[width * kOutputs];
  for (int64_t n = kOutputs * begin; n < kOutputs * end; n += kOutputs) {
    for (int o = 0; o < kOutputs && n + o < p.w.outputs; o += 4) {
      f32v sum[4][count];
      sum_outputs<block_outputs, count, width>(p, n + o, x, sum);
      put_sums(sum, part + o);
    }
    write_pixels(p, m, pixels, n, part);
  }
}

template <int block_outputs, int count, int width>
FI_INLINE void dispatch(const Product& p, int64_t m, int pixels, int64_t begin, int64_t end,
                        const float* x) {
  if constexpr (count > 1) {
    if (pixels <= (count - 1) * kLanes) {
      return dispatch<block_outputs, count - 1, width>(p, m, pixels, begin, end, x);
    }
  }
  run_vectors<block_outputs, count, width>(p, m, pixels, begin, end, x);
}

template <int block_outputs, int vectors>
void run_pixels(const Product& p, int64_t m, int pixels, int64_t begin, int64_t end,
                float* scratch) {
  constexpr int width = vectors * kLanes;
  stage_pixels<width>(p, m, pixels, scratch);
  dispatch<block_outputs, vectors, width>(p, m, pixels, begin, end, scratch);
}

}  // namespace
}  // namespace fi::blocks
