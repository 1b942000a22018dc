// The table of the FFT room.
#include "kernels/fft/fft.h"
#include "kernels/rows.h"
#include "rooms/fft.inc"

namespace fi::fft {

FI_FFT_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 4;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_FFT_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* best_row(FeatureMask usable, int t) {
  return all_rows().first(usable, [t](const Kernel& row) { return row.t == t; });
}

}  // namespace fi::fft
