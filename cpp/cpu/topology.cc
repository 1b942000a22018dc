#include "cpu/topology.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "base/error.h"

namespace fi::cpu {
namespace {

constexpr double kNoQuota = std::numeric_limits<double>::infinity();

int affinity_cpus() {
#if defined(__linux__)
  constexpr int kMaxCpus = 8192;
  cpu_set_t* set = CPU_ALLOC(kMaxCpus);
  const size_t bytes = CPU_ALLOC_SIZE(kMaxCpus);
  const int count = set && sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
  CPU_FREE(set);
  if (count > 0) return count;
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// v2: "150000 100000", quota and period in microseconds, or "max 100000".
double quota_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : kNoQuota;
}

/// v1: quota -1 stands for none.
double quota_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"),
      period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  const bool read = quota_file >> quota && period_file >> period;
  return read && quota > 0 && period > 0 ? quota / period : kNoQuota;
}

/// The tightest quota of a group and the groups that it is in. Inside a container the path may name
/// folders that are not mounted; the walk then finds the container's own group at the root.
template <class Quota>
double tightest(const std::string& root, std::string path, Quota quota) {
  double least = quota(root);
  while (!path.empty() && path != "/") {
    least = std::min(least, quota(root + path));
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
  return least;
}

bool lists_cpu(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

std::string file_text(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

double cgroup_quota(const std::string& root, const std::string& self) {
  double least = kNoQuota;
  std::istringstream lines(self);
  for (std::string line;
       std::getline(lines, line);) {  // number:controllers:path; v2 has no controllers
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      path = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, tightest(root, path, quota_v2));
    } else if (lists_cpu(controllers)) {
      least = std::min({least, tightest(root + "/cpu", path, quota_v1),
                        tightest(root + "/" + controllers, path, quota_v1)});
    }
  }
  return least;
}

int usable_cpus() {
  const int cpus = affinity_cpus();
  const double quota = cgroup_quota("/sys/fs/cgroup", file_text("/proc/self/cgroup"));
  return quota < cpus ? std::max(1, static_cast<int>(std::ceil(quota))) : cpus;
}

int default_threads() {
  const char* text = std::getenv("FASTINFER_NUM_THREADS");
  if (!text || !*text) return usable_cpus();
  char* end = nullptr;
  const long threads = std::strtol(text, &end, 10);
  if (*end || threads < 1 || threads > kMaxThreads) {
    throw Error(ErrorKind::value, "FASTINFER_NUM_THREADS: '" + std::string(text) +
                                      "' is not a number from 1 to " + std::to_string(kMaxThreads));
  }
  return static_cast<int>(threads);
}

}  // namespace fi::cpu
