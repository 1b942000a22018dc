#pragma once
#include "base/features.h"
namespace fi::tier_mask {
inline constexpr FeatureMask neon = feature::neon;
}
