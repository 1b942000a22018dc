// The grouped rows of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/grouped/tiled.inl"
#include "kernels/name.h"

namespace fi::grouped {
namespace {

template <class Source, int K, int S>
constexpr Kernel row(const char* name) {
  return {{name, "grouped", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
          Source::permutes,
          kLanes,
          K,
          S,
          run_rows<Source, K, S>};
}

constexpr Kernel kPermute3x3s1 = row<Permute, 3, 1>(FI_KERNEL_NAME("grouped_f32_permute_3x3s1"));
constexpr Kernel kPermute3x3s2 = row<Permute, 3, 2>(FI_KERNEL_NAME("grouped_f32_permute_3x3s2"));
constexpr Kernel kPermute = row<Permute, 0, 0>(FI_KERNEL_NAME("grouped_f32_permute"));
constexpr Kernel k3x3s1 = row<Broadcast, 3, 1>(FI_KERNEL_NAME("grouped_f32_broadcast_3x3s1"));
constexpr Kernel k3x3s2 = row<Broadcast, 3, 2>(FI_KERNEL_NAME("grouped_f32_broadcast_3x3s2"));
constexpr Kernel kGeneric = row<Broadcast, 0, 0>(FI_KERNEL_NAME("grouped_f32_broadcast"));
constexpr const Kernel* kRows[] = {&kPermute3x3s1, &kPermute3x3s2, &kPermute,
                                   &k3x3s1,        &k3x3s2,        &kGeneric};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::grouped
