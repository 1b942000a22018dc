// The rows of the normalisations, for one tier.
#include FI_VEC_H
#include "kernels/name.h"
#include "kernels/normalize/instance.inl"
#include "kernels/normalize/layer.inl"
#include "kernels/normalize/lrn.inl"

namespace fi::normalize {
namespace {

constexpr KernelInfo info(const char* name) {
  return {name, "normalize", Tier::FI_TIER, DType::f32, DType::f32, DType::f32};
}
constexpr Kernel kLayer = {info(FI_KERNEL_NAME("layer_norm_f32")),
                           Function::layer_norm,
                           layer_norm,
                           nullptr,
                           nullptr,
                           nullptr};
constexpr Kernel kInstance = {info(FI_KERNEL_NAME("instance_norm_f32")),
                              Function::instance_norm,
                              nullptr,
                              moments,
                              affine,
                              nullptr};
constexpr Kernel kLrn = {
    info(FI_KERNEL_NAME("lrn_f32")), Function::lrn, nullptr, nullptr, nullptr, lrn};
constexpr const Kernel* kRows[] = {&kLayer, &kInstance, &kLrn};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::normalize
