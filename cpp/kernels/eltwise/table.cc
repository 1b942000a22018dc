// The tables of the element-wise room.
#include "kernels/eltwise/eltwise.h"
#include "kernels/rows.h"
#include "rooms/eltwise.inc"

#define FI_DECLARE_TABLES(tier)                       \
  namespace tier {                                    \
  const UnaryKernel* const* unary_rows(int* count);   \
  const BinaryKernel* const* binary_rows(int* count); \
  }
#define FI_PREPEND_UNARY(tier) rows.prepend(tier::unary_rows);
#define FI_PREPEND_BINARY(tier) rows.prepend(tier::binary_rows);

namespace fi::eltwise {

FI_ELTWISE_TIERS(FI_DECLARE_TABLES)

namespace {

const auto& unaries() {
  static const auto table = [] {
    Rows<UnaryKernel, kUnaries * kTiers> rows;
    FI_ELTWISE_TIERS(FI_PREPEND_UNARY)
    return rows;
  }();
  return table;
}

const auto& binaries() {
  static const auto table = [] {
    Rows<BinaryKernel, kBinaries * kTiers> rows;
    FI_ELTWISE_TIERS(FI_PREPEND_BINARY)
    return rows;
  }();
  return table;
}

}  // namespace

UnaryTable unary_table() { return {unaries().data(), unaries().count()}; }
BinaryTable binary_table() { return {binaries().data(), binaries().count()}; }

const UnaryKernel* find(Unary function, FeatureMask features) {
  return unaries().first(features, [=](const auto& row) { return row.function == function; });
}
const BinaryKernel* find(Binary function, FeatureMask features) {
  return binaries().first(features, [=](const auto& row) { return row.function == function; });
}

}  // namespace fi::eltwise
