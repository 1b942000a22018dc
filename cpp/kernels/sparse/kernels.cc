// The sparse row of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/name.h"
#include "kernels/sparse/micro.inl"
#include "kernels/sparse/stage.inl"

namespace fi::sparse {
namespace {

// Sums that stay in registers: 128 pixels where vectors have 16 lanes, 64 where they have 8 or 4.
#if defined(__aarch64__)
constexpr int kVectors = 16;
#define FI_SPARSE_NAME FI_KERNEL_NAME("sparse_f32_1x64")
#elif defined(__AVX512F__)
constexpr int kVectors = 8;
#define FI_SPARSE_NAME FI_KERNEL_NAME("sparse_f32_1x128")
#elif defined(__AVX2__)
constexpr int kVectors = 8;
#define FI_SPARSE_NAME FI_KERNEL_NAME("sparse_f32_1x64")
#else
constexpr int kVectors = 8;
#define FI_SPARSE_NAME FI_KERNEL_NAME("sparse_f32_1x32")
#endif

constexpr Kernel kRow = {
    {FI_SPARSE_NAME, "sparse", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
    kVectors,
    kLanes,
    run_tile<kVectors>,
    stage};
constexpr const Kernel* kRows[] = {&kRow};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::sparse
