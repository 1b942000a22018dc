#pragma once
#include "base/features.h"
namespace fi::tier_mask {
inline constexpr FeatureMask avx2 = feature::avx2 | feature::fma | feature::f16c;
}
