#include "cpu/features.h"

#include <cstdlib>

#include "base/error.h"
#include "cpu/detect.h"

namespace fi::cpu {
namespace {

struct FeatureName {
  FeatureMask mask;
  const char* name;
};

constexpr FeatureName kNames[] = {
    {feature::avx2, "avx2"},
    {feature::fma, "fma"},
    {feature::f16c, "f16c"},
    {feature::avx512f, "avx512f"},
    {feature::avx512bw, "avx512bw"},
    {feature::avx512dq, "avx512dq"},
    {feature::avx512vl, "avx512vl"},
    {feature::avx512vnni, "avx512vnni"},
    {feature::avx512vbmi, "avx512vbmi"},
    {feature::avx512bitalg, "avx512bitalg"},
    {feature::avx512vpopcntdq, "avx512vpopcntdq"},
    {feature::avx512bf16, "avx512bf16"},
    {feature::avx512fp16, "avx512fp16"},
    {feature::avxvnni, "avxvnni"},
    {feature::amx_tile, "amx_tile"},
    {feature::amx_int8, "amx_int8"},
    {feature::amx_bf16, "amx_bf16"},
    {feature::neon, "neon"},
    {feature::neon_fp16, "neon_fp16"},
    {feature::neon_dot, "neon_dot"},
    {feature::neon_i8mm, "neon_i8mm"},
    {feature::neon_bf16, "neon_bf16"},
    {feature::sve, "sve"},
    {feature::sve2, "sve2"},
};

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

/// Why the build or the machine does not allow a tier; "" if they do.
std::string obstacle(const TierInfo& tier) {
  if (!tier.compiled) return "not of this architecture";
  const FeatureMask missing = tier.required & ~detected();
  return missing ? "the CPU or the operating system lacks " + joined(names_of(missing)) : "";
}

/// The closure of the tier that `source` asked for by name.
FeatureMask closure(const std::string& name, const std::string& source) {
  std::vector<std::string> known;
  for (int i = 0; i < kTiers; ++i) {
    const TierInfo& tier = tiers()[i];
    if (name == tier.name) {
      const std::string why = obstacle(tier);
      if (why.empty()) return tier.required;
      throw Error(ErrorKind::isa, source + ": tier '" + name + "' cannot be used here: " + why);
    }
    if (tier.compiled) known.push_back(tier.name);
  }
  throw Error(ErrorKind::isa,
              source + ": there is no tier '" + name + "'; the tiers are " + joined(known));
}

const char* isa_variable() {
  const char* name = std::getenv("FASTINFER_ISA");
  return name ? name : "";
}

}  // namespace

FeatureMask detected() {
  static const FeatureMask mask = detect();
  return mask;
}

FeatureMask usable() {
  static const FeatureMask mask = [] {
    const std::string name = isa_variable();
    return name.empty() ? detected() : detected() & closure(name, "FASTINFER_ISA");
  }();
  return mask;
}

FeatureMask usable_under(const std::string& isa) {
  if (isa.empty()) return usable();
  const FeatureMask wanted = closure(isa, "isa");
  if (wanted & ~usable()) {
    throw Error(ErrorKind::isa,
                "isa: tier '" + isa + "' cannot be used here: FASTINFER_ISA caps this process");
  }
  return wanted;
}

bool can_use(Tier tier, FeatureMask mask) {
  const TierInfo& info = info_of(tier);
  return info.compiled && (info.required & ~mask) == 0;
}

std::string why_not(Tier tier) {
  if (can_use(tier, usable())) return "";
  const std::string why = obstacle(info_of(tier));
  return why.empty() ? std::string("capped by FASTINFER_ISA=") + isa_variable() : why;
}

std::vector<std::string> names_of(FeatureMask mask) {
  std::vector<std::string> names;
  for (const FeatureName& row : kNames) {
    if (mask & row.mask) names.push_back(row.name);
  }
  return names;
}

}  // namespace fi::cpu
