// The micro-kernel: one output channel at a time, its pixels in registers. Include after FI_VEC_H.
#pragma once

#include "kernels/sparse/sparse.h"
#include "simd/activation.inl"

namespace fi::sparse {
namespace {

FI_INLINE bool is_curve(ActivationKind kind) {
  return kind != ActivationKind::none && kind != ActivationKind::clamp;
}

/// `count` vectors of pixels; of the last one `tail` lanes where it is partial.
template <int count, bool partial>
struct Pixels {
  int tail;

  FI_INLINE f32v read(const float* p, int v) const {
    return partial && v == count - 1 ? load_n(p + v * kLanes, tail) : load(p + v * kLanes);
  }
  FI_INLINE void write(float* p, int v, f32v x) const {
    if (partial && v == count - 1) {
      store_n(p + v * kLanes, x, tail);
    } else {
      store(p + v * kLanes, x);
    }
  }
};

template <int count, bool partial>
void run_rows(const Tile& tile) {
  const Pixels<count, partial> pixels{tile.pixels - (count - 1) * kLanes};
  const bool clamps = tile.last && tile.activation.kind == ActivationKind::clamp;
  const bool curve = tile.last && is_curve(tile.activation.kind);
  const f32v low = splat(clamps ? tile.activation.alpha : -__builtin_inff());
  const f32v high = splat(clamps ? tile.activation.beta : __builtin_inff());
  const char* x = reinterpret_cast<const char*>(tile.x);
  const Entry* entry = tile.entries;
  for (const Row *row = tile.rows, *end = row + tile.row_count; row != end; ++row) {
    float* y = tile.y + row->output * tile.y_stride;
    f32v sum[count];
    if (tile.first) {
      const f32v bias = splat(tile.bias ? tile.bias[row->output] : 0.0f);
#pragma GCC unroll 16
      for (int v = 0; v < count; ++v) sum[v] = bias;
    } else {
#pragma GCC unroll 16
      for (int v = 0; v < count; ++v) sum[v] = pixels.read(y, v);
    }
    for (const Entry* last = entry + row->entries; entry != last; ++entry) {
      const float* p = reinterpret_cast<const float*>(x + entry->offset);
      const f32v weight = splat(entry->value);
#pragma GCC unroll 16
      for (int v = 0; v < count; ++v) sum[v] = fma(weight, pixels.read(p, v), sum[v]);
    }
    if (tile.last) {
      if (tile.residual) {
        const float* residual = tile.residual + row->output * tile.residual_stride;
#pragma GCC unroll 16
        for (int v = 0; v < count; ++v) sum[v] = add(sum[v], pixels.read(residual, v));
      }
#pragma GCC unroll 16
      for (int v = 0; v < count; ++v) sum[v] = clamp(sum[v], low, high);
    }
#pragma GCC unroll 16
    for (int v = 0; v < count; ++v) pixels.write(y, v, sum[v]);
    if (curve) {
      for (int v = 0; v < count; ++v)
        pixels.write(y, v, activate(pixels.read(y, v), tile.activation));
    }
  }
}

/// The call for the tile's number of vectors, 1..count.
template <int count>
FI_INLINE void dispatch(const Tile& tile, int vectors, bool partial) {
  if constexpr (count > 1) {
    if (vectors < count) return dispatch<count - 1>(tile, vectors, partial);
  }
  return partial ? run_rows<count, true>(tile) : run_rows<count, false>(tile);
}

template <int most>
void run_tile(const Tile& tile) {
  const int vectors = (tile.pixels + kLanes - 1) / kLanes;
  dispatch<most>(tile, vectors, tile.pixels % kLanes != 0);
}

}  // namespace
}  // namespace fi::sparse
