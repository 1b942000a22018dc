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
  FI_INLINE f32v read_own(const float* p, int v) const { return read(p, v); }
  FI_INLINE void write_own(float* p, int v, f32v x) const { write(p, v, x); }
};

/// Vectors of a tile with a pitch: each lies in one row. One that ends behind its row's end writes
/// into the next row, whose vector comes after it; the last one writes what is its own.
template <int count>
struct PitchedPixels {
  int64_t at[count];
  int own[count];  // lanes that are pixels of the row

  FI_INLINE explicit PitchedPixels(const Tile& tile) {
    for (int v = 0; v < count; ++v) {
      const int pixel = tile.start + v * kLanes, column = pixel % tile.pitch;
      at[v] = int64_t{pixel / tile.pitch} * tile.width + column;
      own[v] = tile.width - column < kLanes ? tile.width - column : kLanes;
    }
  }
  FI_INLINE f32v read(const float* p, int v) const {
    return v == count - 1 ? read_own(p, v) : load(p + at[v]);
  }
  FI_INLINE void write(float* p, int v, f32v x) const {
    if (v == count - 1) {
      write_own(p, v, x);
    } else {
      store(p + at[v], x);
    }
  }
  FI_INLINE f32v read_own(const float* p, int v) const { return load_n(p + at[v], own[v]); }
  FI_INLINE void write_own(float* p, int v, f32v x) const { store_n(p + at[v], x, own[v]); }
};

/// `inputs` read x, `pixels` read and write y.
template <int count, class Inputs, class Outputs>
FI_INLINE void run_rows(const Tile& tile, const Inputs& inputs, const Outputs& pixels) {
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
      for (int v = 0; v < count; ++v) sum[v] = fma(weight, inputs.read(p, v), sum[v]);
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
        pixels.write_own(y, v, activate(pixels.read_own(y, v), tile.activation));
    }
  }
}

template <int count, bool partial>
void run_joined(const Tile& tile) {
  const Pixels<count, partial> pixels{tile.pixels - (count - 1) * kLanes};
  run_rows<count>(tile, pixels, pixels);
}

template <int count>
void run_pitched(const Tile& tile) {
  run_rows<count>(tile, Pixels<count, false>{kLanes}, PitchedPixels<count>(tile));
}

/// The call for the tile's number of vectors, 1..count.
template <int count>
FI_INLINE void dispatch(const Tile& tile, int vectors, bool partial) {
  if constexpr (count > 1) {
    if (vectors < count) return dispatch<count - 1>(tile, vectors, partial);
  }
  if (tile.pitch > 0) return run_pitched<count>(tile);
  return partial ? run_joined<count, true>(tile) : run_joined<count, false>(tile);
}

template <int most>
void run_tile(const Tile& tile) {
  const int vectors = (tile.pixels + kLanes - 1) / kLanes;
  dispatch<most>(tile, vectors, tile.pixels % kLanes != 0);
}

}  // namespace
}  // namespace fi::sparse
