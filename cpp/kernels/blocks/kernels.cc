// The rows of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/blocks/pixels.inl"
#include "kernels/blocks/rows.inl"
#include "kernels/name.h"

namespace fi::blocks {
namespace {

// Sums of four outputs that stay in registers: 32 of them with AVX-512 and NEON, else 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kVectors = 4;
#define FI_BLOCKS_PIXELS(block) FI_KERNEL_NAME("blocks_f32_" block "_4vx4")
#else
constexpr int kVectors = 2;
#define FI_BLOCKS_PIXELS(block) FI_KERNEL_NAME("blocks_f32_" block "_2vx4")
#endif

constexpr KernelInfo info(const char* name) {
  return {name, "blocks", Tier::FI_TIER, DType::f32, DType::f32, DType::f32};
}

template <int block_outputs>
constexpr Kernel pixels(const char* name) {
  return {info(name),        Way::pixels, block_outputs,
          kVectors * kLanes, kLanes,      run_pixels<block_outputs, kVectors>};
}

template <int block_outputs>
constexpr Kernel rows_of(const char* name) {
  return {info(name), Way::rows, block_outputs, kMaxRows, 1, run_rows<block_outputs>};
}

constexpr Kernel kRowsOf[] = {
    pixels<1>(FI_BLOCKS_PIXELS("1x4")),
    pixels<4>(FI_BLOCKS_PIXELS("4x1")),
    rows_of<1>(FI_KERNEL_NAME("blocks_f32_1x4_4x16")),
    rows_of<4>(FI_KERNEL_NAME("blocks_f32_4x1_4x16")),
};
constexpr const Kernel* kRows[] = {&kRowsOf[0], &kRowsOf[1], &kRowsOf[2], &kRowsOf[3]};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::blocks
