// The table of the Winograd room.
#include "kernels/rows.h"
#include "kernels/winograd/winograd.h"
#include "rooms/winograd.inc"

namespace fi::winograd {

FI_WINOGRAD_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 3;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_WINOGRAD_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* best_row(FeatureMask usable, int m) {
  return all_rows().first(usable, [m](const Kernel& row) { return row.m == m; });
}

}  // namespace fi::winograd
