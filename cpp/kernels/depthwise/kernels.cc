// The depthwise rows of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/depthwise/generic.inl"
#include "kernels/depthwise/lines.inl"
#include "kernels/depthwise/tiled.inl"
#include "kernels/name.h"

namespace fi::depthwise {
namespace {

template <int K, int S>
constexpr Kernel windows(const char* name) {
  return {{name, "depthwise", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          K,
          K,
          S,
          S == 1 ? 0 : 1,
          S,
          1,
          run_lines<K, S>};
}

template <int S>
constexpr Kernel any_window(const char* name) {
  return {{name, "depthwise", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          0,
          0,
          0,
          0,
          S,
          1,
          run_tiled<S>};
}

constexpr Kernel k3x3s1 = windows<3, 1>(FI_KERNEL_NAME("depthwise_f32_3x3s1"));
constexpr Kernel k3x3s2 = windows<3, 2>(FI_KERNEL_NAME("depthwise_f32_3x3s2"));
constexpr Kernel k5x5s1 = windows<5, 1>(FI_KERNEL_NAME("depthwise_f32_5x5s1"));
constexpr Kernel k5x5s2 = windows<5, 2>(FI_KERNEL_NAME("depthwise_f32_5x5s2"));
constexpr Kernel k7x7s1 = windows<7, 1>(FI_KERNEL_NAME("depthwise_f32_7x7s1"));
constexpr Kernel k7x7s2 = windows<7, 2>(FI_KERNEL_NAME("depthwise_f32_7x7s2"));
constexpr Kernel kAnys1 = any_window<1>(FI_KERNEL_NAME("depthwise_f32_s1"));
constexpr Kernel kAnys2 = any_window<2>(FI_KERNEL_NAME("depthwise_f32_s2"));
constexpr Kernel kGeneric = {{FI_KERNEL_NAME("depthwise_f32_generic"), "depthwise", Tier::FI_TIER,
                              DType::f32, DType::f32, DType::f32},
                             0,
                             0,
                             0,
                             0,
                             0,
                             0,
                             run_generic};
constexpr const Kernel* kRows[] = {&k3x3s1, &k3x3s2, &k5x5s1, &k5x5s2,  &k7x7s1,
                                   &k7x7s2, &kAnys1, &kAnys2, &kGeneric};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::depthwise
