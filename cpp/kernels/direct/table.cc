// The table of the direct room.
#include "kernels/direct/direct.h"
#include "kernels/rows.h"
#include "rooms/direct.inc"

namespace fi::direct {

FI_DIRECT_TIERS(FI_DECLARE_ROWS)

namespace {

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kTiers> rows;
    FI_DIRECT_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* best_row(FeatureMask usable) {
  return all_rows().first(usable, [](const Kernel&) { return true; });
}

}  // namespace fi::direct
