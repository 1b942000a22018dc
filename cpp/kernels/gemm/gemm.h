// The GEMM contract, which serves dense, pointwise, im2col, Winograd and fully connected layers:
//
//   dst(m, n) = activation( scale(n) * sum_k lhs(m, k) * rhs(k, n)  +  bias(n)  +  residual(m, n) )
//
// over a range of rows m. The rhs is packed once, at prepare; the lhs comes in one of four forms.
// The framework (gemm.cc) owns the loops; a row of the table brings the micro-kernel, its tile and
// its packing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/activation.h"
#include "base/features.h"
#include "kernels/kernel.h"

namespace fi::gemm {

enum class LhsForm : uint8_t {
  strided,  // row m starts at base + m * row_stride; its K elements are contiguous
  offsets,  // indirection: K = taps * k_tap; tap t of row m starts at base + offset(t, m), or is
            // the pad row
  packed,   // the row's pack_lhs hook lays a tile out in worker scratch, from any strides
  mapped,   // strided, but element k of row m stands k_map[k] elements behind its start
};
inline constexpr int kLhsForms = 4;

/// In an offsets table: this tap of this row reads the pad row (k_tap elements that hold the zero
/// point).
inline constexpr int32_t kPadRow = INT32_MIN;

struct Epilogue {
  const float* bias = nullptr;   // [N]
  const float* scale = nullptr;  // [N], per channel; f32 kernels take none
  const void* residual =
      nullptr;                  // in dst's dtype; must not overlap dst (which holds partial sums)
  int64_t residual_stride = 0;  // bytes from row m to m + 1
  Activation activation;
  int32_t lhs_zero_point = 0, rhs_zero_point = 0;  // for rows that ask for sums
  const int32_t* rhs_sums = nullptr;               // [N]: sum over k of rhs(k, n)
};

/// One call of a micro-kernel: at most mr x nr of dst, over one block of K.
struct Tile {
  const char* lhs;  // strided, mapped: row 0; offsets: the tensor's base; packed: the packed panel
  int64_t lhs_stride;      // strided, mapped: bytes from row to row
  const int32_t* k_map;    // mapped: of this block of K
  const int32_t* offsets;  // offsets: [taps][mr] byte offsets from lhs, or kPadRow
  const char* pad;         // offsets: the pad row
  int64_t k_skip;  // bytes added to every row's start: where this block of K begins inside a tap
  int32_t taps, k_tap;  // this block's K is taps * k_tap
  const char* rhs;      // packed: block's K (padded to kr) x nr
  const char* ahead;    // what later tiles read (rhs, lhs): fetched into L2,
  int64_t ahead_step;   // so many bytes further at each k
  bool streams;         // or the rhs itself is, just before it is read: no other tile reads it
  int32_t m, n;         // valid rows and columns, 1..mr and 1..nr
  char* dst;
  int64_t dst_stride;  // bytes from row to row
  bool first,
      last;  // block of K: first starts at 0, others at dst; only the last runs the epilogue
  const int32_t* lhs_sums;  // [mr], for rows that ask for them
  Epilogue epilogue;        // pointers already moved to this tile's first row and column
};
using MicroKernel = void (*)(const Tile&);

/// rhs(k, n) = data[k * k_stride + n * n_stride], in elements, packed to panels of nr columns.
struct RhsView {
  const void* data;
  int64_t k, n;
  int64_t k_stride, n_stride;
};

/// lhs(m, k) = data[m * m_stride + k * k_stride], in elements, for pack_lhs.
struct LhsView {
  const void* data;
  int64_t m_stride, k_stride;
};

/// A row of the table.
struct Kernel {
  KernelInfo info;
  int mr, nr, kr;              // tile; K is consumed (and padded with zeros in rhs) in steps of kr
  bool lhs_sums, rhs_sums;     // asymmetric types: which sums the epilogue needs
  MicroKernel run[kLhsForms];  // by LhsForm; null where the form is not offered
  size_t (*packed_rhs_bytes)(int64_t k, int64_t n);
  void (*pack_rhs)(const RhsView& rhs, void* packed);
  void (*pack_lhs)(const LhsView& lhs, int m, int64_t k, void* packed);  // at most mr rows
  size_t (*packed_lhs_bytes)(int64_t k);
  size_t scratch_bytes;                 // per worker, beside the framework's own
  void (*worker_begin)(void* scratch);  // e.g. AMX tile configuration; null: nothing to do
  void (*worker_end)(void* scratch);
};

/// Makes the offsets of rows [m, m + rows) for all taps: out[t * mr + i] for row m + i.
using OffsetFill = void (*)(const void* context, int64_t m, int rows, int mr, int32_t* out);

/// One product, ready to run: everything but the range of rows.
struct Product {
  const Kernel* kernel;
  int64_t m, n;
  int32_t taps = 1;
  int64_t k_tap;  // K = taps * k_tap
  LhsForm form;
  const void* lhs;                 // base
  int64_t lhs_row_stride = 0;      // strided, packed and mapped: bytes
  int64_t lhs_k_stride = 0;        // packed: bytes from k to k + 1
  const int32_t* k_map = nullptr;  // mapped: [K]
  OffsetFill fill = nullptr;       // offsets
  const void* fill_context = nullptr;
  const void* pad = nullptr;
  const void* rhs;                 // packed
  const char* next_rhs = nullptr;  // what is read after this product, as long as a panel; or null
  void* dst;
  int64_t dst_stride;  // bytes
  Epilogue epilogue;
};

/// Block sizes: a function of the tile, K and the cache sizes alone, so that results never depend
/// on threads.
struct Blocking {
  int64_t mc, nc, kc;
};
Blocking choose_blocking(const Product& product);

/// Scratch that one worker needs for run().
size_t scratch_bytes(const Product& product, const Blocking& blocking);

/// Computes rows [m_begin, m_end) and columns [n_begin, n_end) (n_begin a multiple of nr) on the
/// calling thread.
void run(const Product& product, const Blocking& blocking, int64_t m_begin, int64_t m_end,
         int64_t n_begin, int64_t n_end, void* scratch);

/// The table: every row compiled for this architecture, best tier first.
struct Table {
  const Kernel* const* rows;
  int count;
};
Table table();

/// The row that plan should take: of the rows of the best usable tier that offer `form`, the one
/// with the least estimated time (waste in tails, measured efficiency of the tile, traffic of the
/// rhs). Pure; null if none.
const Kernel* best_row(FeatureMask usable, LhsForm form, int64_t m, int64_t n, int64_t k);

/// The reference: the formula above in float64, lhs(m, k) and rhs(k, n) dense row-major.
void reference(int64_t m, int64_t n, int64_t k, const double* lhs, const double* rhs,
               const double* bias, const double* residual, Activation activation, double* dst);

}  // namespace fi::gemm
