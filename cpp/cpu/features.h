// Which instruction-set features this process may use, and the tiers that follow from them.
#pragma once

#include <string>
#include <vector>

#include "base/features.h"
#include "simd/tier.h"

namespace fi::cpu {

/// What the processor has and the operating system saves (XCR0, AMX permission, hwcap). Asked once.
FeatureMask detected();

/// detected(), cut down to the closure of the tier that FASTINFER_ISA names. Read once, at the
/// first call. Throws Error of kind isa if there is no such tier or it cannot be used here.
FeatureMask usable();

/// usable(), cut down further to the closure of tier `isa`; "" cuts nothing. Same errors.
FeatureMask usable_under(const std::string& isa);

/// Whether a tier is compiled in and mask has all that it needs.
bool can_use(Tier tier, FeatureMask mask);

/// Why a tier cannot be used under the process's mask, in words; "" if it can.
std::string why_not(Tier tier);

/// "avx2", "fma", ... of every bit that is set, in the order of the bits.
std::vector<std::string> names_of(FeatureMask mask);

}  // namespace fi::cpu
