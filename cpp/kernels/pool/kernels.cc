// The micro-kernels: blocks of channels in registers, the taps of one pixel folded into them in row
// order.
#include FI_VEC_H
#include "kernels/name.h"
#include "kernels/pool/fold.inl"
#include "kernels/pool/planes.inl"
#include "kernels/pool/pool.h"

namespace fi::pool {
namespace {

// Sums row by row: the error of a window grows with rows + cols, not with their product.
template <class Acc, int kVectors, class Load, class Store>
FI_INLINE void block(const Span& s, const float* src, Load&& load, Store&& store) {
  f32v total[kVectors];
  for (int v = 0; v < kVectors; ++v) total[v] = Acc::start();
  for (int32_t i = 0; i < s.rows; ++i) {
    f32v row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = Acc::start();
    const float* tap = src + i * s.tap_row;
    for (int32_t j = 0; j < s.cols; ++j, tap += s.tap_col) {
      for (int v = 0; v < kVectors; ++v) row[v] = Acc::fold(row[v], load(tap + v * kLanes));
    }
    for (int v = 0; v < kVectors; ++v) total[v] = Acc::join(total[v], row[v]);
  }
  for (int v = 0; v < kVectors; ++v) store(v * kLanes, Acc::finish(total[v], splat(s.divisor)));
}

template <class Acc>
void run(const Span& s) {
  constexpr int kBlock = 4;
  for (int64_t p = 0; p < s.pixels; ++p) {
    const float* src = s.src + p * s.src_step;
    float* dst = s.dst + p * s.dst_step;
    const auto whole = [](const float* x) FI_INLINE_LAMBDA { return load(x); };
    int64_t c = 0;
    const auto put = [&](int64_t at, f32v y) FI_INLINE_LAMBDA { store(dst + c + at, y); };
    for (; c + kBlock * kLanes <= s.channels; c += kBlock * kLanes) {
      block<Acc, kBlock>(s, src + c, whole, put);
    }
    for (; c + kLanes <= s.channels; c += kLanes) block<Acc, 1>(s, src + c, whole, put);
    if (const int n = static_cast<int>(s.channels - c); n > 0) {
      block<Acc, 1>(
          s, src + c, [n](const float* x) FI_INLINE_LAMBDA { return load_n(x, n); },
          [&](int64_t at, f32v y) FI_INLINE_LAMBDA { store_n(dst + c + at, y, n); });
    }
  }
}

// Any p, one channel at a time: rare enough for the C library's pow.
void run_any_p(const Span& s) {
  for (int64_t p = 0; p < s.pixels; ++p) {
    for (int64_t c = 0; c < s.channels; ++c) {
      double sum = 0;
      for (int32_t i = 0; i < s.rows; ++i) {
        for (int32_t j = 0; j < s.cols; ++j) {
          const float x = s.src[p * s.src_step + i * s.tap_row + j * s.tap_col + c];
          sum += __builtin_pow(__builtin_fabs(x), s.p);
        }
      }
      s.dst[p * s.dst_step + c] = static_cast<float>(__builtin_pow(sum, 1.0 / s.p));
    }
  }
}

void run_lp(const Span& s) {
  if (s.p == 1) return run<L1>(s);
  if (s.p == 2) return run<L2>(s);
  run_any_p(s);
}

constexpr Kernel row(const char* name, PoolKind kind, MicroKernel run) {
  return {{name, "pool", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          kind,
          run,
          nullptr,
          nullptr};
}
constexpr Kernel planar(const char* name, PoolKind kind, DownKernel down, AcrossKernel across) {
  return {{name, "pool", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          kind,
          nullptr,
          down,
          across};
}
constexpr Kernel kMax = row(FI_KERNEL_NAME("pool_f32_max"), PoolKind::max, run<Max>);
constexpr Kernel kAverage =
    row(FI_KERNEL_NAME("pool_f32_average"), PoolKind::average, run<Average>);
constexpr Kernel kLp = row(FI_KERNEL_NAME("pool_f32_lp"), PoolKind::lp, run_lp);
constexpr Kernel kPlanarMax =
    planar(FI_KERNEL_NAME("pool_f32_max_planar"), PoolKind::max, down<Max>, across<Max>);
constexpr Kernel kPlanarAverage = planar(FI_KERNEL_NAME("pool_f32_average_planar"),
                                         PoolKind::average, down<Sum>, across<Average>);
constexpr const Kernel* kRows[] = {&kMax, &kAverage, &kLp, &kPlanarMax, &kPlanarAverage};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::pool
