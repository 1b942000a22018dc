// The table of the codebook room.
#include "kernels/codebook/codebook.h"
#include "kernels/rows.h"
#include "rooms/codebook.inc"

namespace fi::codebook {

FI_CODEBOOK_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 11;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_CODEBOOK_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* best_row(FeatureMask usable, Form form, Code code) {
  return all_rows().first(usable,
                          [=](const Kernel& row) { return row.form == form && row.code == code; });
}

}  // namespace fi::codebook
