// The table of the softmax room.
#include "kernels/rows.h"
#include "kernels/softmax/softmax.h"
#include "rooms/softmax.inc"

namespace fi::softmax {

FI_SOFTMAX_TIERS(FI_DECLARE_ROWS)

namespace {

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, 2 * kTiers> rows;
    FI_SOFTMAX_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* find(bool log, FeatureMask features) {
  return all_rows().first(features, [=](const Kernel& row) { return row.log == log; });
}

}  // namespace fi::softmax
