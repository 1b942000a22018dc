// The table of the blocks room.
#include "kernels/blocks/blocks.h"
#include "kernels/rows.h"
#include "rooms/blocks.inc"

namespace fi::blocks {

FI_BLOCKS_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 4;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_BLOCKS_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* best_row(FeatureMask usable, Way way, int block_outputs) {
  return all_rows().first(usable, [=](const Kernel& row) {
    return row.way == way && row.block_outputs == block_outputs;
  });
}

}  // namespace fi::blocks
