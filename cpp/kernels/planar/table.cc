// The table of the planar room, what a row accepts, and the sizes that all rows share.
#include <algorithm>

#include "kernels/planar/planar.h"
#include "kernels/rows.h"
#include "rooms/planar.inc"

namespace fi::planar {

FI_PLANAR_TIERS(FI_DECLARE_ROWS)

namespace {

constexpr int kRowsOfTier = 5;
constexpr int64_t kStripFloats = 6144;  // staged: half of a small L1
constexpr int64_t kSlack = 64;          // vectors may reach beyond the last row

const auto& all_rows() {
  static const auto table = [] {
    Rows<Kernel, kRowsOfTier * kTiers> rows;
    FI_PLANAR_TIERS(FI_PREPEND_ROWS)
    return rows;
  }();
  return table;
}

bool takes(int wanted, int32_t is) { return wanted == 0 || wanted == is; }

int64_t reach(int32_t kernel, int32_t dilation) {
  return static_cast<int64_t>(kernel - 1) * dilation;
}

}  // namespace

Table table() { return {all_rows().data(), all_rows().count()}; }

bool accepts(const Kernel& kernel, const Window& window) {
  return takes(kernel.kernel, window.kernel_h) && takes(kernel.kernel, window.kernel_w) &&
         takes(kernel.stride, window.stride_h) && takes(kernel.stride, window.stride_w) &&
         takes(kernel.dilation, window.dilation_h) && takes(kernel.dilation, window.dilation_w);
}

const Kernel* best_row(FeatureMask usable, const Window& window) {
  return all_rows().first(usable, [&](const Kernel& row) { return accepts(row, window); });
}

Staged staged_of(const Window& w, int64_t out_height, int64_t out_width) {
  const int64_t down = reach(w.kernel_h, w.dilation_h), right = reach(w.kernel_w, w.dilation_w);
  Staged staged{};
  staged.phases_h = std::min<int64_t>(w.stride_h, down + 1);
  staged.phases_w = std::min<int64_t>(w.stride_w, right + 1);
  staged.width = out_width + right / w.stride_w;
  const int64_t extra = down / w.stride_h;
  const int64_t row = staged.phases_h * staged.phases_w * staged.width;
  const int64_t fitting = kStripFloats / std::max<int64_t>(row, 1) - extra;
  // Whole tiles of rows.
  staged.strip_rows =
      std::clamp<int64_t>(fitting / 4 * 4, 4, std::max<int64_t>((out_height + 3) / 4 * 4, 4));
  staged.rows = staged.strip_rows + extra;
  staged.slot_floats = row * staged.rows + kSlack;
  return staged;
}

size_t scratch_bytes(const Kernel& kernel, const Staged& staged) {
  if (!kernel.stages) return 0;
  return static_cast<size_t>(2 * staged.slot_floats) * sizeof(float);
}

}  // namespace fi::planar
