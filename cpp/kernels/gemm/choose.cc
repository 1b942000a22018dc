// Block sizes and rows: pure functions of the problem, the table and cache sizes.
#include <algorithm>
#include <cmath>

#include "cpu/cache.h"
#include "kernels/gemm/depth.h"
#include "kernels/gemm/narrow.h"

namespace fi::gemm {
namespace {

/// `total` in equal parts of at most `limit`, each a multiple of `unit`: the size of a part.
int64_t even_part(int64_t total, int64_t limit, int64_t unit) {
  if (total <= limit) return std::max<int64_t>(total, 1);
  const int64_t parts = (total + limit - 1) / limit;
  return round_up((total + parts - 1) / parts, unit);
}

/// A block of K: whole taps if one fits the limit, otherwise equal parts of a tap.
int64_t choose_kc(const Depth& depth, int64_t limit, int kr) {
  if (depth.k_tap > limit) return even_part(depth.k_tap, limit, std::max(kr, 8));
  const int64_t taps = limit / std::max<int64_t>(depth.k_tap, 1);
  return std::max<int64_t>(even_part(depth.taps, taps, 1) * depth.k_tap, 1);
}

/// A core of a tier, as the estimate sees it: two multiply-adds and two loads in a cycle, each
/// chain waits 4 cycles.
struct Core {
  int lanes;
  double l2_bytes, far_bytes;  // bytes of packed rhs in a cycle, from L2 and from beyond
};
Core core_of(Tier tier) {
  switch (tier) {
    case Tier::avx512:
      return {16, 48, 8};
    case Tier::avx2:
      return {8, 32, 8};
    default:
      return {4, 16, 8};
  }
}

/// Cycles that one k of a tile takes, whose rows each fill so many vectors, or a part of one. The
/// rhs comes from L2, which costs a wide tile more: measured, 8x48 loses 6 % to it and 4x96 12 %.
double cycles_per_k(int64_t rows, double vectors, int lanes) {
  const double multiplies = static_cast<double>(rows) * vectors / 2;
  const double loads = (static_cast<double>(rows) + std::ceil(vectors)) / 2;
  constexpr double kLatency = 4, kCyclesPerRhsByte = 0.004;
  return std::max({multiplies, loads, kLatency}) +
         kCyclesPerRhsByte * std::ceil(vectors) * lanes * sizeof(float);
}

/// Rows that the micro-kernel computes for m valid ones.
int64_t rounded_rows(int64_t m, int64_t mr) {
  return std::min<int64_t>(m == 1 ? 1 : round_up(m, 2), mr);
}

/// Vectors that a row of so many columns fills: in whole tiles, several rows may share the last.
double vectors_of(const Kernel& kernel, LhsForm form, int64_t columns, bool whole_tile) {
  const int64_t lanes = core_of(kernel.info.tier).lanes, rest = columns % lanes;
  int64_t filled = round_up(columns, lanes);
  if (whole_tile && rest > 0 && columns > lanes && has_narrow(form, kernel.mr, kernel.nr, lanes))
    filled = columns - rest + narrow_lanes(rest, lanes);
  return static_cast<double>(filled) / static_cast<double>(lanes);
}

/// Cycles of all tiles of one panel of so many columns.
double panel_cycles(const Kernel& kernel, LhsForm form, int64_t columns, int64_t m, int64_t k) {
  const auto tile = [&](int64_t rows) {
    const double entry = form == LhsForm::strided || form == LhsForm::mapped ? 40 : 60;
    const double vectors = vectors_of(kernel, form, columns, rows == kernel.mr && m > kernel.mr);
    return static_cast<double>(k) * cycles_per_k(rows, vectors, core_of(kernel.info.tier).lanes) +
           entry + 2.0 * static_cast<double>(rows) * std::ceil(vectors);
  };
  const int64_t tail = m % kernel.mr;
  return static_cast<double>(m / kernel.mr) * tile(kernel.mr) +
         (tail ? tile(rounded_rows(tail, kernel.mr)) : 0);
}

/// Estimated cycles of the product: the tiles, or the traffic of the rhs where few rows share it.
double estimate(const Kernel& kernel, LhsForm form, int64_t m, int64_t n, int64_t k) {
  const Core core = core_of(kernel.info.tier);
  const int64_t panels = n / kernel.nr, tail = n % kernel.nr;
  const auto cycles = [&](int64_t columns) {
    const double bytes = static_cast<double>(k * round_up(columns, core.lanes)) * sizeof(float);
    const bool far =
        static_cast<int64_t>(kernel.packed_rhs_bytes(k, n)) > cpu::cache_sizes().l2 / 2;
    return std::max(panel_cycles(kernel, form, columns, m, k),
                    bytes / (far ? core.far_bytes : core.l2_bytes));
  };
  return static_cast<double>(panels) * cycles(kernel.nr) + (tail ? cycles(tail) : 0);
}

}  // namespace

const Kernel* best_row(FeatureMask usable, LhsForm form, int64_t m, int64_t n, int64_t k) {
  const Kernel* best = nullptr;
  double least = 0;
  for (int i = 0; i < table().count; ++i) {
    const Kernel* row = table().rows[i];
    if (best && row->info.tier != best->info.tier) break;  // rows of weaker tiers follow
    if ((info_of(row->info.tier).required & ~usable) != 0 || !row->run[static_cast<int>(form)])
      continue;
    const double cycles = estimate(*row, form, m, n, k);
    if (!best || cycles < least) {
      best = row;
      least = cycles;
    }
  }
  return best;
}

Blocking choose_blocking(const Product& product) {
  const cpu::CacheSizes caches = cpu::cache_sizes();
  const Kernel& kernel = *product.kernel;
  const int64_t lhs_bytes = bytes_of(kernel.info.lhs, 1);
  // A panel of kc x nr streams from L2 while it is multiplied by each tile; a longer one saves
  // passes over dst.
  const int64_t panel = caches.l1d * 4;
  const int64_t kc_limit = std::max<int64_t>(panel / bytes_of(kernel.info.rhs, kernel.nr), 128);
  Blocking blocking{};
  blocking.kc = choose_kc(depth_of(product), kc_limit, kernel.kr);
  if (product.m <= kernel.mr) {  // one tile of rows: nothing comes again, so stream whole panels
    blocking.kc = std::max<int64_t>(depth_of(product).k(), 1);
  }
  const int64_t mc_limit = std::max<int64_t>(caches.l2 / 2 / (lhs_bytes * blocking.kc), kernel.mr);
  blocking.mc = round_up(even_part(product.m, mc_limit, kernel.mr), kernel.mr);
  blocking.nc = round_up(std::max<int64_t>(product.n, 1), kernel.nr);
  return blocking;
}

}  // namespace fi::gemm
