// The loops around the micro-kernel:
//
//   for each block of mc rows              its offsets are made once
//     for each block of nc columns         mc x nc of dst, which holds partial sums
//       for each block of kc of K          mc x kc of lhs, in L2 (packed, if that is its form)
//         for each panel of nr columns     kc x nr of packed rhs
//           for each tile of mr rows       mr x kc of lhs
//
// The last two change places where the whole block of rhs stays in L1, or dst is what takes time.
#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "cpu/cache.h"
#include "kernels/gemm/depth.h"

namespace fi::gemm {
namespace {

constexpr int64_t kAlign = 64, kLine = 64;

/// A worker's scratch: the kernel's own, the offsets of a block of rows, the packed lhs of a block
/// of rows and K.
struct Scratch {
  int64_t offsets, packed, total;  // bytes from the start
};
Scratch layout_of(const Product& product, const Blocking& blocking) {
  const Kernel& kernel = *product.kernel;
  const int64_t tiles = (blocking.mc + kernel.mr - 1) / kernel.mr;
  Scratch scratch{};
  scratch.offsets = round_up(static_cast<int64_t>(kernel.scratch_bytes), kAlign);
  scratch.packed = scratch.offsets;
  if (product.form == LhsForm::offsets) {
    scratch.packed +=
        round_up(tiles * kernel.mr * product.taps * static_cast<int64_t>(sizeof(int32_t)), kAlign);
  }
  scratch.total = scratch.packed;
  if (product.form == LhsForm::packed) {
    scratch.total +=
        round_up(tiles * static_cast<int64_t>(kernel.packed_lhs_bytes(blocking.kc)), kAlign);
  }
  return scratch;
}

/// The offsets of rows [begin, end), a table per tile; rows past the end repeat the last one.
void fill_offsets(const Product& product, int64_t begin, int64_t end, int32_t* out) {
  const int mr = product.kernel->mr;
  for (int64_t m = begin; m < end; m += mr, out += product.taps * mr) {
    const int rows = static_cast<int>(std::min<int64_t>(mr, end - m));
    product.fill(product.fill_context, m, rows, mr, out);
    for (int32_t t = 0; t < product.taps && rows < mr; ++t) {
      int32_t* tap = out + static_cast<int64_t>(t) * mr;
      std::fill(tap + rows, tap + mr, tap[rows - 1]);
    }
  }
}

/// A block of K: taps [tap, tap + taps) of elements [skip, skip + k_tap) each.
struct KBlock {
  int64_t tap, taps, skip, k_tap;
  int64_t k_begin;  // in the packed rhs
  bool first, last;
  int64_t k() const { return taps * k_tap; }
};

/// Calls body(block) for the blocks of K, in order: whole taps while kc holds one, parts of a tap
/// otherwise.
template <class F>
void for_each_k_block(const Depth& depth, int64_t kc, F&& body) {
  const int64_t k = depth.k();
  if (kc >= k) return body(KBlock{0, depth.taps, 0, depth.k_tap, 0, true, true});
  if (kc >= depth.k_tap) {
    const int64_t step = kc / depth.k_tap;
    for (int64_t tap = 0; tap < depth.taps; tap += step) {
      const int64_t taps = std::min(step, depth.taps - tap);
      body(
          KBlock{tap, taps, 0, depth.k_tap, tap * depth.k_tap, tap == 0, tap + taps == depth.taps});
    }
    return;
  }
  for (int64_t tap = 0; tap < depth.taps; ++tap) {
    for (int64_t skip = 0; skip < depth.k_tap; skip += kc) {
      const int64_t part = std::min(kc, depth.k_tap - skip);
      const int64_t begin = tap * depth.k_tap + skip;
      body(KBlock{tap, 1, skip, part, begin, begin == 0, begin + part == k});
    }
  }
}

/// The packed rhs of the panel of column n (a multiple of nr), from k.
const char* rhs_at(const Product& product, int64_t n, int64_t k) {
  const Kernel& kernel = *product.kernel;
  const auto panels = static_cast<int64_t>(kernel.packed_rhs_bytes(depth_of(product).k(), n));
  return static_cast<const char*>(product.rhs) + panels + bytes_of(kernel.info.rhs, k * kernel.nr);
}

/// One block of rows [m_begin, m_end) and of K, over columns [n_begin, n_end). `after`: the rhs
/// that is read once the block is done, or null. `far_dst`: dst and residual come
/// from beyond L2.
class Block {
 public:
  Block(const Product& product, const KBlock& k, char* packed, const char* after, bool far_dst)
      : product_(product), k_(k), packed_(packed), after_(after), far_dst_(far_dst) {}

  void pack_lhs(int64_t m_begin, int64_t m_end) const {
    const Kernel& kernel = *product_.kernel;
    const int64_t element = bytes_of(kernel.info.lhs, 1);
    const int64_t k_stride = product_.lhs_k_stride / element,
                  m_stride = product_.lhs_row_stride / element;
    char* out = packed_;
    for (int64_t m = m_begin; m < m_end; m += kernel.mr, out += kernel.packed_lhs_bytes(k_.k())) {
      const char* rows = static_cast<const char*>(product_.lhs) + m * product_.lhs_row_stride +
                         k_.k_begin * product_.lhs_k_stride;
      const int count = static_cast<int>(std::min<int64_t>(kernel.mr, m_end - m));
      kernel.pack_lhs(LhsView{rows, m_stride, k_stride}, count, k_.k(), out);
    }
  }

  /// Each panel of rhs once. Weights come from beyond L2, more slowly than a tile consumes them:
  /// the tiles of a panel fetch the panel that follows; those of the first panel fetch the lhs, if
  /// that is too large for L2 as well.
  void run_by_panels(int64_t m_begin, int64_t m_end, int64_t n_begin, int64_t n_end,
                     const int32_t* offsets) const {
    const Kernel& kernel = *product_.kernel;
    const int64_t whole_tiles = std::max<int64_t>(1, (m_end - m_begin) / kernel.mr);
    const int64_t row_bytes = bytes_of(kernel.info.rhs, kernel.nr);
    const int64_t rhs_step = (row_bytes + whole_tiles - 1) / whole_tiles;
    Tile tile = common_tile();
    tile.streams = m_end - m_begin <= kernel.mr;
    for (int64_t n = n_begin; n < n_end; n += kernel.nr) {
      tile.rhs = rhs_at(product_, n, k_.k_begin);
      move_to_columns(n, n_end, tile);
      const char* const next = n + kernel.nr < n_end ? tile.rhs + panel_bytes_ : after_;
      const bool fetch_lhs = n == n_begin && far_lhs();
      tile.ahead_step = fetch_lhs ? bytes_of(kernel.info.lhs, kernel.mr) : next ? rhs_step : 0;
      int64_t fetched = 0;  // of each row of the next panel
      for (int64_t m = m_begin; m < m_end; m += kernel.mr, fetched += rhs_step) {
        move_to_rows(m, m_begin, m_end, offsets, tile);
        move_dst(m, n, tile);
        if (fetch_lhs) {  // of the tile that follows, or of the last one again
          const int64_t rows = m + 2 * kernel.mr <= m_end ? kernel.mr : 0;
          tile.ahead = tile.lhs + rows * tile.lhs_stride;
          if (rows == 0) tile.ahead_step = 0;
        } else {  // never beyond the panel: an address that is not mapped costs a page walk
          tile.ahead = next ? next + k_.k() * std::min(fetched, row_bytes - rhs_step) : tile.rhs;
        }
        if (far_dst_) {
          const bool down = m + kernel.mr < m_end;
          fetch_dst(down ? m + kernel.mr : m_begin, m_end, down ? n : n + kernel.nr, n_end);
        }
        multiply(tile);
      }
    }
  }

  /// Each tile of lhs once, and dst row after row.
  void run_by_rows(int64_t m_begin, int64_t m_end, int64_t n_begin, int64_t n_end,
                   const int32_t* offsets) const {
    const Kernel& kernel = *product_.kernel;
    const char* const first_panel = rhs_at(product_, n_begin, k_.k_begin);
    Tile tile = common_tile();
    for (int64_t m = m_begin; m < m_end; m += kernel.mr) {
      move_to_rows(m, m_begin, m_end, offsets, tile);
      fetch_lhs(m + kernel.mr, m_end);
      tile.rhs = first_panel;
      for (int64_t n = n_begin; n < n_end; n += kernel.nr, tile.rhs += panel_bytes_) {
        move_to_columns(n, n_end, tile);
        move_dst(m, n, tile);
        if (far_dst_) fetch_dst(m, m_end, n, n_end);
        multiply(tile);
      }
    }
  }

 private:
  Tile common_tile() const {
    Tile tile{};
    tile.lhs = static_cast<const char*>(product_.lhs);
    tile.lhs_stride = product_.lhs_row_stride;
    tile.pad = static_cast<const char*>(product_.pad);
    tile.k_skip = bytes_of(product_.kernel->info.lhs, k_.skip);
    if (product_.k_map) tile.k_map = product_.k_map + k_.k_begin;
    tile.ahead = static_cast<const char*>(product_.rhs);
    tile.taps = static_cast<int32_t>(k_.taps);
    tile.k_tap = static_cast<int32_t>(k_.k_tap);
    tile.dst_stride = product_.dst_stride;
    tile.first = k_.first;
    tile.last = k_.last;
    tile.epilogue = product_.epilogue;
    return tile;
  }

  /// A tile's rows of lhs are next in memory to the following tile's, and L2 does not hold them
  /// all.
  bool far_lhs() const {
    const int64_t row_bytes = bytes_of(product_.kernel->info.lhs, k_.k());
    return product_.form == LhsForm::strided && product_.lhs_row_stride == row_bytes &&
           product_.m * row_bytes > cpu::cache_sizes().l2 / 2;
  }

  void move_to_columns(int64_t n, int64_t n_end, Tile& tile) const {
    const Kernel& kernel = *product_.kernel;
    tile.n = static_cast<int32_t>(std::min<int64_t>(kernel.nr, n_end - n));
    const Epilogue& epilogue = product_.epilogue;
    if (epilogue.bias) tile.epilogue.bias = epilogue.bias + n;
    if (epilogue.scale) tile.epilogue.scale = epilogue.scale + n;
    if (epilogue.rhs_sums) tile.epilogue.rhs_sums = epilogue.rhs_sums + n;
  }

  void move_to_rows(int64_t m, int64_t m_begin, int64_t m_end, const int32_t* offsets,
                    Tile& tile) const {
    const Kernel& kernel = *product_.kernel;
    const int64_t index = (m - m_begin) / kernel.mr;
    tile.m = static_cast<int32_t>(std::min<int64_t>(kernel.mr, m_end - m));
    switch (product_.form) {
      case LhsForm::strided:
      case LhsForm::mapped:
        tile.lhs = static_cast<const char*>(product_.lhs) + m * product_.lhs_row_stride;
        break;
      case LhsForm::offsets:
        tile.offsets = offsets + (index * product_.taps + k_.tap) * kernel.mr;
        break;
      case LhsForm::packed:
        tile.lhs = packed_ + index * static_cast<int64_t>(kernel.packed_lhs_bytes(k_.k()));
        break;
    }
  }

  void move_dst(int64_t m, int64_t n, Tile& tile) const {
    const int64_t column = bytes_of(product_.kernel->info.dst, n);
    tile.dst = static_cast<char*>(product_.dst) + m * product_.dst_stride + column;
    const Epilogue& epilogue = product_.epilogue;
    if (epilogue.residual) {
      tile.epilogue.residual =
          static_cast<const char*>(epilogue.residual) + m * epilogue.residual_stride + column;
    }
  }

  /// The rows of the next tile, where they are pieces of longer ones: nothing else foresees them.
  void fetch_lhs(int64_t m, int64_t m_end) const {
    const int64_t bytes = bytes_of(product_.kernel->info.lhs, k_.k());
    if (product_.form != LhsForm::strided || product_.lhs_row_stride < bytes + kLine) return;
    const int64_t end = std::min<int64_t>(m + product_.kernel->mr, m_end);
    const char* row = static_cast<const char*>(product_.lhs) + m * product_.lhs_row_stride +
                      bytes_of(product_.kernel->info.lhs, k_.k_begin);
    for (int64_t i = m; i < end; ++i, row += product_.lhs_row_stride) {
      for (int64_t at = 0; at < bytes; at += kLine) __builtin_prefetch(row + at);
    }
  }

  /// Dst and residual that come from beyond L2 are wanted all at once when a tile is done: they are
  /// fetched while it is multiplied, or the tile before it.
  void fetch_dst(int64_t m, int64_t m_end, int64_t n, int64_t n_end) const {
    if (m >= m_end || n >= n_end) return;
    const Kernel& kernel = *product_.kernel;
    const Epilogue& epilogue = product_.epilogue;
    const int64_t rows = std::min<int64_t>(kernel.mr, m_end - m);
    const int64_t bytes = bytes_of(kernel.info.dst, std::min<int64_t>(kernel.nr, n_end - n));
    const int64_t column = bytes_of(kernel.info.dst, n);
    const auto fetch = [&](const void* base, int64_t stride) {
      const char* row = static_cast<const char*>(base) + m * stride + column;
      for (int64_t i = 0; i < rows; ++i, row += stride) {
        for (int64_t at = 0; at < bytes; at += kLine) __builtin_prefetch(row + at);
      }
    };
    fetch(product_.dst, product_.dst_stride);
    if (epilogue.residual && k_.last) fetch(epilogue.residual, epilogue.residual_stride);
  }

  void multiply(const Tile& tile) const {
    product_.kernel->run[static_cast<int>(product_.form)](tile);
  }

  const Product& product_;
  const KBlock& k_;
  char* packed_;
  const char* after_;
  bool far_dst_;
  int64_t panel_bytes_ = static_cast<int64_t>(
      product_.kernel->packed_rhs_bytes(depth_of(product_).k(), product_.kernel->nr));
};

}  // namespace

size_t scratch_bytes(const Product& product, const Blocking& blocking) {
  return static_cast<size_t>(layout_of(product, blocking).total);
}

void run(const Product& product, const Blocking& blocking, int64_t m_begin, int64_t m_end,
         int64_t n_begin, int64_t n_end, void* scratch) {
  const Kernel& kernel = *product.kernel;
  const Scratch layout = layout_of(product, blocking);
  char* base = static_cast<char*>(scratch);
  int32_t* offsets = reinterpret_cast<int32_t*>(base + layout.offsets);
  const cpu::CacheSizes caches = cpu::cache_sizes();
  const int64_t dst_bytes = bytes_of(kernel.info.dst, (m_end - m_begin) * (n_end - n_begin));
  const int64_t out_bytes = dst_bytes * (product.epilogue.residual ? 2 : 1);
  const bool row_by_row = out_bytes > caches.l2;  // dst takes longer than the multiplications
  if (kernel.worker_begin) kernel.worker_begin(scratch);
  for (int64_t m = m_begin; m < m_end; m += blocking.mc) {
    const int64_t end = std::min(m + blocking.mc, m_end);
    if (product.form == LhsForm::offsets) fill_offsets(product, m, end, offsets);
    for (int64_t n = n_begin; n < n_end; n += blocking.nc) {
      for_each_k_block(depth_of(product), blocking.kc, [&](const KBlock& k) {
        const int64_t columns_end = std::min(n + blocking.nc, n_end);
        const char* after = product.next_rhs;
        if (!k.last) {
          after = rhs_at(product, n, k.k_begin + k.k());
        } else if (columns_end < n_end) {
          after = rhs_at(product, columns_end, 0);
        } else if (end < m_end) {
          after = rhs_at(product, n_begin, 0);
        }
        const Block block(product, k, base + layout.packed, after,
                          k.last && out_bytes > caches.l2 / 4);
        if (product.form == LhsForm::packed) block.pack_lhs(m, end);
        const int64_t rhs_bytes = bytes_of(kernel.info.rhs, k.k() * (columns_end - n));
        if (rhs_bytes <= (row_by_row && k.last ? caches.l2 / 8 : caches.l1d / 2)) {
          block.run_by_rows(m, end, n, columns_end, offsets);
        } else {
          block.run_by_panels(m, end, n, columns_end, offsets);
        }
      });
    }
  }
  if (kernel.worker_end) kernel.worker_end(scratch);
}

}  // namespace fi::gemm
