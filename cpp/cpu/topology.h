// How many processors this process may keep busy.
#pragma once

#include <string>

namespace fi::cpu {

/// The processors of the scheduling affinity, no more than the cgroup's CPU quota (v1 or v2)
/// allows; at least 1. Asked anew at every call, since both may change.
int usable_cpus();

/// CPU-seconds per second that the cgroup with files under `root` grants process `self`
/// ("/proc/self/cgroup" text); infinity if there is no quota. The parts of usable_cpus(), apart for
/// tests.
double cgroup_quota(const std::string& root, const std::string& self);

/// FASTINFER_NUM_THREADS, or usable_cpus() if it is not set. Throws Error of kind value if it is
/// not a number from 1 to kMaxThreads.
int default_threads();
inline constexpr int kMaxThreads = 256;

}  // namespace fi::cpu
