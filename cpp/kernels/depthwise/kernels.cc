// The depthwise rows of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/depthwise/generic.inl"
#include "kernels/depthwise/pairs.inl"
#include "kernels/depthwise/tiled.inl"
#include "kernels/name.h"

namespace fi::depthwise {
namespace {

template <int K, int S>
constexpr Kernel tiled(const char* name) {
  return {{name, "depthwise", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          K,
          K,
          K > 0 ? S : 0,
          K > 0 ? 1 : 0,
          S,
          1,
          K == 3 && S == 1 && kTile == 2 * kPairTile ? run_pairs : run_tiled<K, S>};
}

constexpr Kernel k3x3s1 = tiled<3, 1>(FI_KERNEL_NAME("depthwise_f32_3x3s1"));
constexpr Kernel k3x3s2 = tiled<3, 2>(FI_KERNEL_NAME("depthwise_f32_3x3s2"));
constexpr Kernel k5x5s1 = tiled<5, 1>(FI_KERNEL_NAME("depthwise_f32_5x5s1"));
constexpr Kernel k5x5s2 = tiled<5, 2>(FI_KERNEL_NAME("depthwise_f32_5x5s2"));
constexpr Kernel k7x7s1 = tiled<7, 1>(FI_KERNEL_NAME("depthwise_f32_7x7s1"));
constexpr Kernel kAnys1 = tiled<0, 1>(FI_KERNEL_NAME("depthwise_f32_s1"));
constexpr Kernel kAnys2 = tiled<0, 2>(FI_KERNEL_NAME("depthwise_f32_s2"));
constexpr Kernel kGeneric = {{FI_KERNEL_NAME("depthwise_f32_generic"), "depthwise", Tier::FI_TIER,
                              DType::f32, DType::f32, DType::f32},
                             0,
                             0,
                             0,
                             0,
                             0,
                             0,
                             run_generic};
constexpr const Kernel* kRows[] = {&k3x3s1, &k3x3s2, &k5x5s1, &k5x5s2,
                                   &k7x7s1, &kAnys1, &kAnys2, &kGeneric};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::depthwise
