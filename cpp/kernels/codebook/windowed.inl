// The windowed form: an output in each lane, its x looked up in a window held in registers. Include
// after FI_VEC_H.
#pragma once

#include "kernels/codebook/coded.inl"
#include "kernels/codebook/values.inl"

namespace fi::codebook {
namespace {

constexpr int kWindowParts = kGroup / kLanes;  // vectors that hold a group

/// By entry of a word, so that its sums are chains of their own.
template <int kRows>
struct WindowSums {
  f32v of[kWindowParts][kRows][kWindowEntries];
};

/// The values of entry e of a part's words.
template <Code kCode>
struct WindowValues {
  Values<kCode> values;
  FI_INLINE explicit WindowValues(const float* table) : values(table) {}
  template <int e>
  FI_INLINE f32v at(s32v words, const uint8_t*) const {
    return values.at(shift_right<kWindowBits * e + kOffsetBits>(words));
  }
  template <int e>
  FI_INLINE static maskv there(s32v words, f32v) {
    return any_bits(words, splat_s32(31 << (kWindowBits * e + kOffsetBits)));
  }
};

template <>
struct WindowValues<Code::f32> {
  FI_INLINE explicit WindowValues(const float*) {}
  template <int e>
  FI_INLINE f32v at(s32v, const uint8_t* part) const {
    return load(reinterpret_cast<const float*>(part) + (e + 1) * kGroup);
  }
  template <int e>
  FI_INLINE static maskv there(s32v, f32v value) {
    return any_bits(as_s32(value), splat_s32(0x7fffffff));
  }
};

template <int e, bool masked, Code kCode, int kRows>
FI_INLINE void add_entries(const WindowValues<kCode>& values, s32v words, const uint8_t* part,
                           const table32 (&window)[kRows], f32v (&sum)[kRows][kWindowEntries]) {
  const f32v value = values.template at<e>(words, part);
  const s32v offset = shift_right<kWindowBits * e>(words);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
    f32v x = lookup32(window[r], offset);
    if (masked) x = select(values.template there<e>(words, value), x, zero());
    sum[r][e] = fma(x, value, sum[r][e]);
  }
}

/// masked: x may hold what is not finite, which words that hold fewer entries must not meet.
template <Code kCode, int kRows, bool masked>
FI_INLINE void sum_windows(const Product& p, int64_t group, const float* x, int64_t x_stride,
                           WindowSums<kRows>& sums) {
  constexpr int64_t kBytes = window_block_bytes(kCode);
  const WindowValues<kCode> values(p.w.values);
  const int32_t* first = p.w.first + p.w.begin[group] / kBytes;
  const uint8_t* const end = p.w.data + p.w.begin[group + 1];
  for (const uint8_t* w = p.w.data + p.w.begin[group]; w < end; w += kBytes, ++first) {
#pragma GCC unroll 4
    for (int64_t line = 0; line < kBytes; line += 64) prefetch(w + 2048 + line);
    table32 window[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) window[r] = load_table32(x + r * x_stride + *first);
#pragma GCC unroll 4
    for (int i = 0; i < kWindowParts; ++i) {
      const uint8_t* const part = w + i * kLanes * static_cast<int>(sizeof(float));
      const s32v words = load_s32(reinterpret_cast<const int32_t*>(part));
      add_entries<0, masked>(values, words, part, window, sums.of[i]);
      add_entries<1, masked>(values, words, part, window, sums.of[i]);
      add_entries<2, masked>(values, words, part, window, sums.of[i]);
    }
  }
}

template <Code kCode, int kRows, bool masked>
void run_windows(const Product& p, int64_t m, const float* x, int64_t x_stride, int64_t begin,
                 int64_t end) {
  for (int64_t group = begin; group < end; ++group) {
    WindowSums<kRows> sums;
    for (auto& part : sums.of) {
      for (auto& row : part) {
        for (f32v& sum : row) sum = zero();
      }
    }
    sum_windows<kCode, kRows, masked>(p, group, x, x_stride, sums);
    for (int i = 0; i < kWindowParts; ++i) {
      const int64_t n = group * kGroup + i * kLanes, left = p.w.outputs - n;
      if (left <= 0) break;
      const int count = left < kLanes ? static_cast<int>(left) : kLanes;
      for (int r = 0; r < kRows; ++r) {
        const f32v(&sum)[kWindowEntries] = sums.of[i][r];
        finish(p, m + r, n, count, add(add(sum[0], sum[1]), sum[2]));
      }
    }
  }
}

template <Code kCode, int kRows>
void run_windowed(const Product& p, int64_t m, int64_t begin, int64_t end) {
  const float* x = p.x + m * p.x_stride;
  int64_t x_stride = p.x_stride;
  float whole[kRows][kWindow];  // of an x that is shorter than a window
  if (p.w.inputs < kWindow) {
    for (int r = 0; r < kRows; ++r) {
      for (int k = 0; k < kWindow; ++k) whole[r][k] = k < p.w.inputs ? x[r * x_stride + k] : 0;
    }
    x = whole[0];
    x_stride = kWindow;
  }
  if (p.finite) {
    run_windows<kCode, kRows, false>(p, m, x, x_stride, begin, end);
  } else {
    run_windows<kCode, kRows, true>(p, m, x, x_stride, begin, end);
  }
}

}  // namespace
}  // namespace fi::codebook
