#pragma once
#include "simd/avx2/tier.h"
namespace fi::tier_mask {
inline constexpr FeatureMask avx512 =
    avx2 | feature::avx512f | feature::avx512bw | feature::avx512dq | feature::avx512vl;
}
