// Packing of f32 operands, for kr = 1. The rhs becomes panels of nr columns, each K x nr and padded
// with zero columns, so a micro-kernel may load whole vectors of it; the lhs becomes panels of K x
// mr, padded with zero rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/inline.h"
#include "kernels/gemm/gemm.h"

namespace fi::gemm {
namespace {

/// out[p * width + i] = data[i * stride + p * k_stride] for p < k, i < count, and zero for i in
/// [count, width).
template <int width>
FI_INLINE void pack_panel(const float* data, int64_t stride, int64_t k_stride, int64_t k,
                          int64_t count, float* out) {
  constexpr int64_t kLine =
      16;  // floats of a cache line: read whole lines of a column that is contiguous in k
  for (int64_t begin = 0; begin < k; begin += kLine) {
    const int64_t end = begin + kLine < k ? begin + kLine : k;
    if (stride == 1) {
      for (int64_t p = begin; p < end; ++p) {
        for (int64_t i = 0; i < count; ++i) out[p * width + i] = data[p * k_stride + i];
      }
    } else {
      for (int64_t i = 0; i < count; ++i) {
        const float* column = data + i * stride;
        for (int64_t p = begin; p < end; ++p) out[p * width + i] = column[p * k_stride];
      }
    }
    for (int64_t p = begin; p < end && count < width; ++p) {
      for (int64_t i = count; i < width; ++i) out[p * width + i] = 0;
    }
  }
}

template <int nr>
size_t packed_rhs_bytes(int64_t k, int64_t n) {
  return static_cast<size_t>((n + nr - 1) / nr * nr * k) * sizeof(float);
}

template <int nr>
void pack_rhs(const RhsView& rhs, void* packed) {
  const float* data = static_cast<const float*>(rhs.data);
  float* out = static_cast<float*>(packed);
  for (int64_t n = 0; n < rhs.n; n += nr) {
    const int64_t count = rhs.n - n < nr ? rhs.n - n : nr;
    pack_panel<nr>(data + n * rhs.n_stride, rhs.n_stride, rhs.k_stride, rhs.k, count, out);
    out += rhs.k * nr;
  }
}

template <int mr>
size_t packed_lhs_bytes(int64_t k) {
  return static_cast<size_t>(k * mr) * sizeof(float);
}

template <int mr>
void pack_lhs(const LhsView& lhs, int m, int64_t k, void* packed) {
  const float* data = static_cast<const float*>(lhs.data);
  pack_panel<mr>(data, lhs.m_stride, lhs.k_stride, k, m, static_cast<float*>(packed));
}

}  // namespace
}  // namespace fi::gemm
