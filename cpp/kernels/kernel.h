// What every row of every room's kernel table says of itself.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "simd/tier.h"

namespace fi {

/// Name: family_types_tile__tier, as in gemm_f32_8x48__avx512.
struct KernelInfo {
  const char* name;
  const char* family;  // the room
  Tier tier;
  DType lhs, rhs, dst;  // of the first operand, the second (or the first again) and the result
};

}  // namespace fi
