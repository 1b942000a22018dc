#include "simd/tier.h"

#include "tiers.inc"

namespace fi {
namespace {

#define FI_ROW(tier, compiled) {Tier::tier, #tier, tier_mask::tier, compiled},
constexpr TierInfo kTable[kTiers] = {FI_ALL_TIERS(FI_ROW)};
#undef FI_ROW

}  // namespace

const TierInfo* tiers() { return kTable; }
const TierInfo& info_of(Tier tier) { return kTable[static_cast<int>(tier)]; }
const char* name_of(Tier tier) { return info_of(tier).name; }

}  // namespace fi
