// The tiers: sets of instructions that kernels are compiled for. Each folder of simd/ holds one:
// vec.h (the vectors), tier.h (the features it needs), tier.cmake (flags, architecture, rooms
// served).
#pragma once

#include <cstdint>

#include "base/features.h"

namespace fi {

enum class Tier : uint8_t { scalar, avx2, avx512, neon };
inline constexpr int kTiers = 4;

struct TierInfo {
  Tier tier;
  const char* name;
  FeatureMask required;  // its closure: everything that its kernels may use
  bool compiled;         // for this build's architecture
};

/// Every tier that the project has, compiled here or not, weakest first.
const TierInfo* tiers();
const TierInfo& info_of(Tier tier);
const char* name_of(Tier tier);

}  // namespace fi
