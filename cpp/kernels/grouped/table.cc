// The table of the grouped room, and what a row accepts.
#include <algorithm>

#include "kernels/grouped/grouped.h"
#include "kernels/rows.h"
#include "rooms/grouped.inc"

namespace fi::grouped {

FI_GROUPED_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 6;

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_GROUPED_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

bool fits(const Kernel& kernel, const Window& w) {
  if (kernel.kernel == 0) return true;
  return w.kernel_h == kernel.kernel && w.kernel_w == kernel.kernel &&
         w.stride_h == kernel.stride && w.stride_w == kernel.stride && w.dilation_h == 1 &&
         w.dilation_w == 1;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

bool accepts(const Kernel& kernel, const Window& window, const Channels& channels) {
  const bool narrow = 2 * std::max(channels.inputs, channels.outputs) <= kernel.lanes;
  return (narrow || !kernel.permutes) && fits(kernel, window);
}

const Kernel* best_row(FeatureMask usable, const Window& window, const Channels& channels) {
  return all_rows().first(usable,
                          [&](const Kernel& row) { return accepts(row, window, channels); });
}

}  // namespace fi::grouped
