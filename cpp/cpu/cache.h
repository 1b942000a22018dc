// Cache sizes, for block sizes and the cost model.
#pragma once

#include <cstdint>

namespace fi::cpu {

/// Bytes of data that one core's share of each level holds.
struct CacheSizes {
  int64_t l1d, l2, l3;
};

/// From sysfs or CPUID, each held to what real processors have, since virtual machines report
/// absurd sizes; typical values where nothing is reported. Asked once.
CacheSizes cache_sizes();

}  // namespace fi::cpu
