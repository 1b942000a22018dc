// The table of the im2col room.
#include "kernels/im2col/im2col.h"
#include "kernels/rows.h"
#include "rooms/im2col.inc"

namespace fi::im2col {

FI_IM2COL_TIERS(FI_DECLARE_ROWS)

namespace {

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kTiers> rows;
    FI_IM2COL_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* best_row(FeatureMask usable) {
  return all_rows().first(usable, [](const Kernel&) { return true; });
}

}  // namespace fi::im2col
