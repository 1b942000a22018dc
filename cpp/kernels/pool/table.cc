// The table of the pool room.
#include "kernels/pool/pool.h"
#include "kernels/rows.h"
#include "rooms/pool.inc"

namespace fi::pool {

FI_POOL_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 5;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_POOL_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* find(PoolKind kind, FeatureMask features, bool planar) {
  return all_rows().first(features, [=](const Kernel& row) {
    return row.kind == kind && (row.run == nullptr) == planar;
  });
}

}  // namespace fi::pool
