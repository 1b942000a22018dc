#include "cpu/cache.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace fi::cpu {
namespace {

struct Level {
  int level = 0;
  bool data = false;
  int64_t bytes = 0;      // whole cache
  int64_t shared_by = 1;  // logical processors
};

/// "0-3,8" counts 5.
int64_t count_cpus(const std::string& list) {
  int64_t count = 0;
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    const std::string part = list.substr(at, end - at);
    const size_t dash = part.find('-');
    const long first = std::strtol(part.c_str(), nullptr, 10);
    const long last =
        dash == std::string::npos ? first : std::strtol(part.c_str() + dash + 1, nullptr, 10);
    count += std::max(last - first + 1, 0l);
    at = end + 1;
  }
  return std::max<int64_t>(count, 1);
}

std::string read_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

/// Level i of processor 0, as Linux shows it; level 0 if there is none.
Level sysfs_level(int i) {
  const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
  Level cache;
  const std::string level = read_word(folder + "level"), size = read_word(folder + "size");
  if (level.empty() || size.empty()) return cache;
  const int64_t unit = size.back() == 'K' ? 1024 : size.back() == 'M' ? 1024 * 1024 : 1;
  cache.level = static_cast<int>(std::strtol(level.c_str(), nullptr, 10));
  cache.bytes = std::strtoll(size.c_str(), nullptr, 10) * unit;
  cache.data = read_word(folder + "type") != "Instruction";
  cache.shared_by = count_cpus(read_word(folder + "shared_cpu_list"));
  return cache;
}

#if defined(__x86_64__)
/// Leaf 4 (Intel) and leaf 0x8000001d (AMD) have one form: a cache per subleaf, type 0 after the
/// last.
Level cpuid_level(unsigned leaf, int i) {
  unsigned a = 0, b = 0, c = 0, d = 0;
  Level cache;
  if (!__get_cpuid_count(leaf, static_cast<unsigned>(i), &a, &b, &c, &d) || (a & 31) == 0)
    return cache;
  cache.level = static_cast<int>((a >> 5) & 7);
  cache.data = (a & 31) != 2;
  cache.shared_by = ((a >> 14) & 0xfff) + 1;
  const int64_t ways = (b >> 22) + 1, partitions = ((b >> 12) & 0x3ff) + 1, line = (b & 0xfff) + 1;
  cache.bytes = ways * partitions * line * (static_cast<int64_t>(c) + 1);
  return cache;
}
#endif

void take(const Level& cache, CacheSizes* sizes) {
  if (!cache.data || cache.bytes <= 0) return;
  if (cache.level == 1) sizes->l1d = cache.bytes;
  if (cache.level == 2) sizes->l2 = cache.bytes / (cache.shared_by > 2 ? cache.shared_by / 2 : 1);
  if (cache.level == 3) sizes->l3 = cache.bytes;
}

CacheSizes ask() {
  constexpr int kLevels = 8;
  CacheSizes sizes{0, 0, 0};
  for (int i = 0; i < kLevels; ++i) take(sysfs_level(i), &sizes);
#if defined(__x86_64__)
  for (unsigned leaf : {4u, 0x8000001du}) {
    for (int i = 0; i < kLevels && sizes.l1d == 0; ++i) take(cpuid_level(leaf, i), &sizes);
  }
#endif
  constexpr int64_t kib = 1024, mib = 1024 * kib;
  if (sizes.l1d == 0) sizes.l1d = 32 * kib;
  if (sizes.l2 == 0) sizes.l2 = 512 * kib;
  if (sizes.l3 == 0) sizes.l3 = 4 * mib;
  return {std::clamp(sizes.l1d, 16 * kib, 192 * kib), std::clamp(sizes.l2, 128 * kib, 4 * mib),
          std::clamp(sizes.l3, 1 * mib, 32 * mib)};
}

}  // namespace

CacheSizes cache_sizes() {
  static const CacheSizes sizes = ask();
  return sizes;
}

}  // namespace fi::cpu
