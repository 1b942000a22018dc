#include <cstring>

#include "kernels/peak/peak.h"
#include "rooms/peak.inc"

namespace fi::peak {

#define FI_DECLARE(tier)                 \
  namespace tier {                       \
  const Kernel* const* rows(int* count); \
  }
FI_PEAK_TIERS(FI_DECLARE)
#undef FI_DECLARE

namespace {

constexpr const char* kNames[kKinds] = {"fma", "read", "copy"};

struct Rows {
  const Kernel* all[kKinds * kTiers];
  int count = 0;

  /// Tiers come weakest first; the table has the best first.
  void put_first(const Kernel* const* rows, int n) {
    std::memmove(all + n, all, sizeof(*all) * count);
    std::memcpy(all, rows, sizeof(*all) * n);
    count += n;
  }
};

Rows collect() {
  Rows rows;
  int n = 0;
#define FI_ADD(tier)                               \
  {                                                \
    const Kernel* const* of_tier = tier::rows(&n); \
    rows.put_first(of_tier, n);                    \
  }
  FI_PEAK_TIERS(FI_ADD)
#undef FI_ADD
  return rows;
}

}  // namespace

const char* name_of(Kind kind) { return kNames[static_cast<int>(kind)]; }

bool kind_from_name(const char* name, Kind* out) {
  for (int i = 0; i < kKinds; ++i) {
    if (std::strcmp(kNames[i], name) == 0) {
      *out = static_cast<Kind>(i);
      return true;
    }
  }
  return false;
}

Table table() {
  static const Rows rows = collect();
  return {rows.all, rows.count};
}

const Kernel* find(Kind kind, FeatureMask features) {
  const Table all = table();
  const Kernel* found = nullptr;
  for (int i = all.count; i-- > 0;) {
    const Kernel* row = all.rows[i];
    if (row->kind == kind && (info_of(row->info.tier).required & ~features) == 0) found = row;
  }
  return found;
}

}  // namespace fi::peak
