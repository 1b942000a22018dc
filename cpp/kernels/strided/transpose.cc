#include "kernels/strided/transpose.h"

#include <algorithm>
#include <cstring>

namespace fi::strided {
namespace {

using Vec = float __attribute__((vector_size(16)));  // moved, never computed with

Vec load(const char* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

void store(char* p, Vec v) { std::memcpy(p, &v, sizeof v); }

/// Four by four 4-byte elements.
void transpose_4x4(const char* src, int64_t src_step, char* dst, int64_t dst_step) {
  const Vec a = load(src), b = load(src + src_step), c = load(src + 2 * src_step),
            d = load(src + 3 * src_step);
  const Vec ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Vec cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Vec ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Vec cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store(dst, __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5));
  store(dst + dst_step, __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7));
  store(dst + 2 * dst_step, __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5));
  store(dst + 3 * dst_step, __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7));
}

/// The plain loops; what the fast ways must equal, and what does their edges.
template <class T>
void transpose_plain(const char* src, int64_t src_step, char* dst, int64_t dst_step, int64_t ni,
                     int64_t nj) {
  for (int64_t i = 0; i < ni; ++i) {
    for (int64_t j = 0; j < nj; ++j) {
      std::memcpy(dst + i * dst_step + j * sizeof(T), src + j * src_step + i * sizeof(T),
                  sizeof(T));
    }
  }
}

template <class T>
void transpose_block(const char* src, int64_t src_step, char* dst, int64_t dst_step, int64_t ni,
                     int64_t nj) {
  if constexpr (sizeof(T) != 4) {
    transpose_plain<T>(src, src_step, dst, dst_step, ni, nj);
  } else {
    const int64_t i4 = ni & ~3, j4 = nj & ~3;
    for (int64_t j = 0; j < j4; j += 4) {
      for (int64_t i = 0; i < i4; i += 4) {
        transpose_4x4(src + j * src_step + i * 4, src_step, dst + i * dst_step + j * 4, dst_step);
      }
    }
    transpose_plain<T>(src + i4 * 4, src_step, dst + i4 * dst_step, dst_step, ni - i4, j4);
    transpose_plain<T>(src + j4 * src_step, src_step, dst + j4 * 4, dst_step, ni, nj - j4);
  }
}

/// Panels of 64 rows of src, in blocks of 8 rows of dst: with strides of a power of two, more rows
/// would fall on the same sets of the L1 cache.
template <class T>
void transpose_blocked(const char* src, int64_t src_step, char* dst, int64_t dst_step, int64_t ni,
                       int64_t nj) {
  constexpr int64_t kPanel = 64, kBlock = 8;
  for (int64_t j = 0; j < nj; j += kPanel) {
    for (int64_t i = 0; i < ni; i += kBlock) {
      transpose_block<T>(src + j * src_step + i * sizeof(T), src_step,
                         dst + i * dst_step + j * sizeof(T), dst_step, std::min(kBlock, ni - i),
                         std::min(kPanel, nj - j));
    }
  }
}

/// Two planes of 4-byte elements to adjacent pairs, by fours; returns how many are done.
int64_t interleave_pairs(const char* src, int64_t src_step, char* dst, int64_t ni) {
  const int64_t i4 = ni & ~3;
  for (int64_t i = 0; i < i4; i += 4) {
    const Vec a = load(src + i * 4), b = load(src + src_step + i * 4);
    store(dst + i * 8, __builtin_shufflevector(a, b, 0, 4, 1, 5));
    store(dst + i * 8 + 16, __builtin_shufflevector(a, b, 2, 6, 3, 7));
  }
  return i4;
}

/// n planes to pixels of n elements: NCHW to NHWC with few channels.
template <class T, int n>
void interleave(const char* src, int64_t src_step, char* dst, int64_t dst_step, int64_t ni) {
  const bool pairs = sizeof(T) == 4 && n == 2 && dst_step == 8;
  for (int64_t i = pairs ? interleave_pairs(src, src_step, dst, ni) : 0; i < ni; ++i) {
    T pixel[n];
    for (int j = 0; j < n; ++j)
      std::memcpy(&pixel[j], src + j * src_step + i * sizeof(T), sizeof(T));
    std::memcpy(dst + i * dst_step, pixel, sizeof pixel);
  }
}

/// Pixels of n elements to n planes.
template <class T, int n>
void deinterleave(const char* src, int64_t src_step, char* dst, int64_t dst_step, int64_t nj) {
  for (int64_t j = 0; j < nj; ++j) {
    T pixel[n];
    std::memcpy(pixel, src + j * src_step, sizeof pixel);
    for (int i = 0; i < n; ++i)
      std::memcpy(dst + i * dst_step + j * sizeof(T), &pixel[i], sizeof(T));
  }
}

template <class T>
void transpose_typed(const char* src, int64_t src_step, char* dst, int64_t dst_step, int64_t ni,
                     int64_t nj) {
  switch (nj) {
    case 2:
      return interleave<T, 2>(src, src_step, dst, dst_step, ni);
    case 3:
      return interleave<T, 3>(src, src_step, dst, dst_step, ni);
    case 4:
      return interleave<T, 4>(src, src_step, dst, dst_step, ni);
    default:
      break;
  }
  switch (ni) {
    case 2:
      return deinterleave<T, 2>(src, src_step, dst, dst_step, nj);
    case 3:
      return deinterleave<T, 3>(src, src_step, dst, dst_step, nj);
    case 4:
      return deinterleave<T, 4>(src, src_step, dst, dst_step, nj);
    default:
      return transpose_blocked<T>(src, src_step, dst, dst_step, ni, nj);
  }
}

}  // namespace

void transpose(int64_t size, const char* src, int64_t src_step, char* dst, int64_t dst_step,
               int64_t ni, int64_t nj) {
  switch (size) {
    case 1:
      return transpose_typed<uint8_t>(src, src_step, dst, dst_step, ni, nj);
    case 2:
      return transpose_typed<uint16_t>(src, src_step, dst, dst_step, ni, nj);
    case 4:
      return transpose_typed<uint32_t>(src, src_step, dst, dst_step, ni, nj);
    default:
      return transpose_typed<uint64_t>(src, src_step, dst, dst_step, ni, nj);
  }
}

}  // namespace fi::strided
