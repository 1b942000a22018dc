// The gapped form: an output in each lane, x gathered. Include after FI_VEC_H.
#pragma once

#include "kernels/codebook/values.inl"
#include "simd/activation.inl"

namespace fi::codebook {
namespace {

constexpr int kParts = kGroup / kLanes;  // vectors that hold a group
constexpr int kAhead = 40;               // steps to fetch ahead: past the latency of L3

/// Lanes [part * kLanes, ...) of a group.
template <int kRows>
struct Lanes {
  s32v position = splat_s32(0);
  f32v sum[kRows];
};

template <int kRows>
FI_INLINE void add_entry(Lanes<kRows>& lanes, const uint8_t* gap, maskv there, f32v value,
                         const float* x, int64_t x_stride) {
  lanes.position = add(lanes.position, load_u8(gap));
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    lanes.sum[r] = fma(gather(x + r * x_stride, lanes.position, there), value, lanes.sum[r]);
  }
}

/// The block at w, of part `part`.
template <Code kCode>
struct Block {
  static constexpr int kBytes = 2 * kGroup;
  Values<kCode> values;
  FI_INLINE explicit Block(const float* table) : values(table) {}
  template <int kRows>
  FI_INLINE void add_to(Lanes<kRows>& lanes, const uint8_t* w, const float* x,
                        int64_t x_stride) const {
    const s32v code = load_u8(w);
    add_entry(lanes, w + kGroup, any_bits(code, splat_s32(255)), values.at(code), x, x_stride);
  }
};

template <>
struct Block<Code::c4> {
  static constexpr int kBytes = 3 * kGroup;
  Values<Code::c4> values;
  FI_INLINE explicit Block(const float* table) : values(table) {}
  template <int kRows>
  FI_INLINE void add_to(Lanes<kRows>& lanes, const uint8_t* w, const float* x,
                        int64_t x_stride) const {
    const s32v codes = load_u8(w);
    add_entry(lanes, w + kGroup, any_bits(codes, splat_s32(15)), values.at(codes), x, x_stride);
    add_entry(lanes, w + 2 * kGroup, any_bits(codes, splat_s32(0xf0)),
              values.at(shift_right<4>(codes)), x, x_stride);
  }
};

template <>
struct Block<Code::f32> {
  static constexpr int kBytes = kGroup + kGroup * static_cast<int>(sizeof(float));
  FI_INLINE explicit Block(const float*) {}
  /// w: of the distances of the part; the values start behind those of all parts.
  template <int kRows>
  FI_INLINE void add_values(Lanes<kRows>& lanes, const uint8_t* w, const uint8_t* values,
                            const float* x, int64_t x_stride) const {
    const f32v value = load(reinterpret_cast<const float*>(values));
    add_entry(lanes, w, any_bits(as_s32(value), splat_s32(0x7fffffff)), value, x, x_stride);
  }
};

template <Code kCode, int kRows>
FI_INLINE void sum_group(const Product& p, int64_t group, const float* x,
                         Lanes<kRows> (&lanes)[kParts]) {
  constexpr int kFetch = kAhead * Block<kCode>::kBytes / (kCode == Code::c4 ? 2 : 1);
  const Block<kCode> block(p.w.values);
  const uint8_t* const end = p.w.data + p.w.begin[group + 1];
  for (const uint8_t* w = p.w.data + p.w.begin[group]; w < end; w += Block<kCode>::kBytes) {
    prefetch(w + kFetch);
    if constexpr (kCode == Code::f32) prefetch(w + kFetch + 64);  // a block is more than a line
#pragma GCC unroll 4
    for (int part = 0; part < kParts; ++part) {
      if constexpr (kCode == Code::f32) {
        block.add_values(lanes[part], w + part * kLanes,
                         w + kGroup + part * kLanes * static_cast<int>(sizeof(float)), x,
                         p.x_stride);
      } else {
        block.add_to(lanes[part], w + part * kLanes, x, p.x_stride);
      }
    }
  }
}

/// y of the outputs that `lanes` holds, at most `count` of them; they lie anywhere.
template <int kRows>
FI_INLINE void finish(const Product& p, int64_t m, const int32_t* outputs, int64_t count,
                      const Lanes<kRows>& lanes) {
  const s32v output = load_s32(outputs);
  for (int r = 0; r < kRows; ++r) {
    f32v sum = lanes.sum[r];
    if (p.scale) sum = mul(sum, gather(p.scale, output));
    if (p.bias) sum = add(sum, gather(p.bias, output));
    if (p.residual) sum = add(sum, gather(p.residual + (m + r) * p.residual_stride, output));
    float result[kLanes];
    store(result, activate(sum, p.activation));
    float* y = p.y + (m + r) * p.y_stride;
    for (int i = 0; i < kLanes && i < count; ++i) y[outputs[i]] = result[i];
  }
}

template <Code kCode, int kRows>
void run_gapped(const Product& p, int64_t m, int64_t begin, int64_t end) {
  for (int64_t group = begin; group < end; ++group) {
    Lanes<kRows> lanes[kParts];
    for (Lanes<kRows>& part : lanes) {
      for (f32v& sum : part.sum) sum = zero();
    }
    sum_group<kCode, kRows>(p, group, p.x + m * p.x_stride, lanes);
    for (int part = 0; part < kParts; ++part) {
      const int64_t first = group * kGroup + part * kLanes;
      finish<kRows>(p, m, p.w.output_of + first, p.w.outputs - first, lanes[part]);
    }
  }
}

}  // namespace
}  // namespace fi::codebook
