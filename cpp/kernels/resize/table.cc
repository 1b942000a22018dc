// The table of the resize room.
#include "kernels/resize/resize.h"
#include "kernels/rows.h"
#include "rooms/resize.inc"

namespace fi::resize {

FI_RESIZE_TIERS(FI_DECLARE_ROWS)

namespace {

const auto& all_rows() {
  static const auto table = [] {
    fi::Rows<Kernel, 2 * kTiers> rows;
    FI_RESIZE_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

const Kernel* find(Function function, FeatureMask features) {
  return all_rows().first(features, [=](const Kernel& row) { return row.function == function; });
}

Function function_of(const Resize2d& resize) {
  return resize.mode == Mode::nearest ? Function::nearest : Function::taps;
}

}  // namespace fi::resize
