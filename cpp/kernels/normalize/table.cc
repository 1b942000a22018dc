// The table of the normalize room.
#include "kernels/normalize/normalize.h"
#include "kernels/rows.h"
#include "rooms/normalize.inc"

namespace fi::normalize {

FI_NORMALIZE_TIERS(FI_DECLARE_ROWS)

namespace {

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, 3 * kTiers> rows;
    FI_NORMALIZE_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* find(Function function, FeatureMask features) {
  return all_rows().first(features, [=](const Kernel& row) { return row.function == function; });
}

}  // namespace fi::normalize
