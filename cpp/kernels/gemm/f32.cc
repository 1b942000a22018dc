// The f32 rows of one tier (FI_TIER).
#include FI_VEC_H

#include "kernels/gemm/f32_tiles.h"
#include "kernels/gemm/micro.inl"
#include "kernels/gemm/pack.inl"
#include "kernels/name.h"

#define FI_JOIN_(a, b) a##b
#define FI_JOIN(a, b) FI_JOIN_(a, b)

namespace fi::gemm {
namespace {

template <int mr, int nr>
constexpr Kernel make_row(const char* name) {
  static_assert(nr % kLanes == 0 && mr <= 8);
  return Kernel{
      .info = {name, "gemm", Tier::FI_TIER, DType::f32, DType::f32, DType::f32},
      .mr = mr,
      .nr = nr,
      .kr = 1,
      .lhs_sums = false,
      .rhs_sums = false,
      .run = {run_any<LhsForm::strided, mr, nr>, run_any<LhsForm::offsets, mr, nr>,
              run_any<LhsForm::packed, mr, nr>, run_any<LhsForm::mapped, mr, nr>},
      .packed_rhs_bytes = packed_rhs_bytes<nr>,
      .pack_rhs = pack_rhs<nr>,
      .pack_lhs = pack_lhs<mr>,
      .packed_lhs_bytes = packed_lhs_bytes<mr>,
      .scratch_bytes = 0,
      .worker_begin = nullptr,
      .worker_end = nullptr,
  };
}

#define FI_TILES FI_JOIN(FI_F32_TILES_, FI_TIER)
#define FI_ROW(mr, nr) \
  constexpr Kernel k##mr##x##nr = make_row<mr, nr>(FI_KERNEL_NAME("gemm_f32_" #mr "x" #nr));
#define FI_ADDRESS(mr, nr) &k##mr##x##nr,
FI_TILES(FI_ROW)
constexpr const Kernel* kRows[] = {FI_TILES(FI_ADDRESS)};

}  // namespace

namespace FI_TIER {

const Kernel* const* rows(int* count) {
  *count = sizeof(kRows) / sizeof(kRows[0]);
  return kRows;
}

}  // namespace FI_TIER
}  // namespace fi::gemm
