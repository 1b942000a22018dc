// The loops, over vec.h: once per tier.
#include FI_VEC_H

#include "kernels/peak/peak.h"

namespace fi::peak {
namespace {

// Enough to keep two units of four cycles busy, and no more than the registers hold beside a and b.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kAccumulators = 24;
#else
constexpr int kAccumulators = 12;
#endif

float sum(const f32v* a, int count) {
  f32v total = a[0];
  for (int i = 1; i < count; ++i) total = add(total, a[i]);
  return reduce_add(total);
}

float run_fma(const float* src, float*, int64_t n) {
  const f32v a = splat(src[1]), b = splat(src[2]);
  f32v y[kAccumulators];
  for (f32v& v : y) v = splat(src[0]);
  for (int64_t i = 0; i < n; ++i) {
#pragma GCC unroll 24
    for (int j = 0; j < kAccumulators; ++j) y[j] = fma(y[j], a, b);
  }
  return sum(y, kAccumulators);
}

float run_read(const float* src, float*, int64_t n) {
  constexpr int kStreams = 8;
  f32v y[kStreams];
  for (f32v& v : y) v = zero();
  for (int64_t i = 0; i < n; i += kStreams * kLanes) {
#pragma GCC unroll 8
    for (int j = 0; j < kStreams; ++j) y[j] = add(y[j], load(src + i + j * kLanes));
  }
  return sum(y, kStreams);
}

float run_copy(const float* src, float* dst, int64_t n) {
  for (int64_t i = 0; i < n; i += 4 * kLanes) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) store(dst + i + j * kLanes, load(src + i + j * kLanes));
  }
  return n > 0 ? dst[n - 1] : 0;
}

#define FI_STRING_OF(tier) #tier
#define FI_STRING(tier) FI_STRING_OF(tier)
#define FI_INFO(what)                        \
  {"peak_f32_" what "__" FI_STRING(FI_TIER), \
   "peak",                                   \
   Tier::FI_TIER,                            \
   DType::f32,                               \
   DType::f32,                               \
   DType::f32}

constexpr Kernel kFma = {FI_INFO("fma"), Kind::fma, int64_t{kAccumulators} * kLanes, run_fma};
constexpr Kernel kRead = {FI_INFO("read"), Kind::read, 4, run_read};
constexpr Kernel kCopy = {FI_INFO("copy"), Kind::copy, 8, run_copy};
constexpr const Kernel* kRows[] = {&kFma, &kRead, &kCopy};

}  // namespace

namespace FI_TIER {

const Kernel* const* rows(int* count) {
  *count = kKinds;
  return kRows;
}

}  // namespace FI_TIER
}  // namespace fi::peak
