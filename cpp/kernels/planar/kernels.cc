// The planar rows of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/name.h"
#include "kernels/planar/generic.inl"
#include "kernels/planar/tiled.inl"

namespace fi::planar {
namespace {

template <int K, int S>
constexpr Kernel tiled(const char* name) {
  return {{name, "planar", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          K,
          S,
          1,
          false,
          run_tiled<K, S>};
}

constexpr Kernel k3x3s1 = tiled<3, 1>(FI_KERNEL_NAME("planar_f32_3x3s1"));
constexpr Kernel k3x3s2 = tiled<3, 2>(FI_KERNEL_NAME("planar_f32_3x3s2"));
constexpr Kernel k5x5s1 = tiled<5, 1>(FI_KERNEL_NAME("planar_f32_5x5s1"));
constexpr Kernel k5x5s2 = tiled<5, 2>(FI_KERNEL_NAME("planar_f32_5x5s2"));
constexpr Kernel kGeneric = {{FI_KERNEL_NAME("planar_f32_generic"), "planar", Tier::FI_TIER,
                              DType::f32, DType::f32, DType::f32},
                             0,
                             0,
                             0,
                             true,
                             run_generic};
constexpr const Kernel* kRows[] = {&k3x3s1, &k3x3s2, &k5x5s1, &k5x5s2, &kGeneric};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::planar
