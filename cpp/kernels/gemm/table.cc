// The table of the gemm room.
#include "kernels/gemm/gemm.h"
#include "kernels/rows.h"
#include "rooms/gemm.inc"

namespace fi::gemm {

FI_GEMM_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 8;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_GEMM_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

}  // namespace fi::gemm
