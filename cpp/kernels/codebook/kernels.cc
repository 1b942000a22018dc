// The rows of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/codebook/coded.inl"
#include "kernels/codebook/gapped.inl"
#include "kernels/codebook/windowed.inl"
#include "kernels/name.h"

namespace fi::codebook {
namespace {

constexpr KernelInfo info(const char* name, DType weights) {
  return {name, "codebook", Tier::FI_TIER, DType::f32, weights, DType::f32};
}

template <Code kCode>
constexpr Kernel coded(const char* name, DType weights) {
  return {info(name, weights),
          Form::coded,
          kCode,
          kPanel,
          {run_coded<kCode, 1>, run_coded<kCode, 2>, run_coded<kCode, 3>, run_coded<kCode, 4>}};
}

template <Code kCode>
constexpr Kernel gapped(const char* name, DType weights) {
  return {info(name, weights),
          Form::gapped,
          kCode,
          kGroup,
          {run_gapped<kCode, 1>, run_gapped<kCode, 2>, run_gapped<kCode, 3>, run_gapped<kCode, 4>}};
}

template <Code kCode>
constexpr Kernel windowed(const char* name, DType weights) {
  return {info(name, weights),
          Form::windowed,
          kCode,
          kGroup,
          {run_windowed<kCode, 1>, run_windowed<kCode, 2>, run_windowed<kCode, 3>,
           run_windowed<kCode, 4>}};
}

constexpr Kernel kRowsOf[] = {
    coded<Code::c4>(FI_KERNEL_NAME("coded_f32c4f32_4x4v"), DType::u4),
    coded<Code::c5>(FI_KERNEL_NAME("coded_f32c5f32_4x4v"), DType::u8),
    coded<Code::c8>(FI_KERNEL_NAME("coded_f32c8f32_4x4v"), DType::u8),
    coded<Code::s8>(FI_KERNEL_NAME("coded_f32s8f32_4x4v"), DType::s8),
    gapped<Code::c4>(FI_KERNEL_NAME("gapped_f32c4f32_4x16"), DType::u4),
    gapped<Code::c5>(FI_KERNEL_NAME("gapped_f32c5f32_4x16"), DType::u8),
    gapped<Code::c8>(FI_KERNEL_NAME("gapped_f32c8f32_4x16"), DType::u8),
    gapped<Code::f32>(FI_KERNEL_NAME("gapped_f32f32_4x16"), DType::f32),
    windowed<Code::c4>(FI_KERNEL_NAME("windowed_f32c4f32_4x16"), DType::u4),
    windowed<Code::c5>(FI_KERNEL_NAME("windowed_f32c5f32_4x16"), DType::u8),
    windowed<Code::f32>(FI_KERNEL_NAME("windowed_f32f32_4x16"), DType::f32),
};
constexpr int kCount = sizeof(kRowsOf) / sizeof(kRowsOf[0]);
constexpr const Kernel* kRows[kCount] = {&kRowsOf[0], &kRowsOf[1], &kRowsOf[2], &kRowsOf[3],
                                         &kRowsOf[4], &kRowsOf[5], &kRowsOf[6], &kRowsOf[7],
                                         &kRowsOf[8], &kRowsOf[9], &kRowsOf[10]};

}  // namespace

namespace FI_TIER {
const Kernel* const* rows(int* count) {
  *count = kCount;
  return kRows;
}
}  // namespace FI_TIER

}  // namespace fi::codebook
