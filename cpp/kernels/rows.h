// A room's table: the rows of every tier compiled for this architecture, best tier first.
#pragma once

#include "base/features.h"
#include "simd/tier.h"

namespace fi {

/// Gathers tiers given weakest first, as FI_<ROOM>_TIERS lists them.
template <class Kernel, int kCapacity>
class Rows {
 public:
  using TierRows = const Kernel* const* (*)(int* count);

  void prepend(TierRows tier) {
    int more = 0;
    const Kernel* const* rows = tier(&more);
    for (int i = count_ - 1; i >= 0; --i) rows_[i + more] = rows_[i];
    for (int i = 0; i < more; ++i) rows_[i] = rows[i];
    count_ += more;
  }
  const Kernel* const* data() const { return rows_; }
  int count() const { return count_; }

  /// The first row that satisfies `wanted` and whose tier needs no more than `features`, or null.
  template <class Wanted>
  const Kernel* first(FeatureMask features, Wanted&& wanted) const {
    for (int i = 0; i < count_; ++i) {
      const FeatureMask required = info_of(rows_[i]->info.tier).required;
      if ((required & ~features) == 0 && wanted(*rows_[i])) return rows_[i];
    }
    return nullptr;
  }

 private:
  const Kernel* rows_[kCapacity] = {};
  int count_ = 0;
};

}  // namespace fi

/// For table.cc, inside the room's namespace: declares tier::rows().
#define FI_DECLARE_ROWS(tier)            \
  namespace tier {                       \
  const Kernel* const* rows(int* count); \
  }
#define FI_PREPEND_ROWS(tier) rows.prepend(tier::rows);
