// The table of the sparse room.
#include "kernels/rows.h"
#include "kernels/sparse/sparse.h"
#include "rooms/sparse.inc"

namespace fi::sparse {

FI_SPARSE_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 1;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_SPARSE_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* best_row(FeatureMask usable) {
  return all_rows().first(usable, [](const Kernel&) { return true; });
}

}  // namespace fi::sparse
