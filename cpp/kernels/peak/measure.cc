#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "base/buffer.h"
#include "kernels/peak/peak.h"
#include "parallel/pool.h"

namespace fi::peak {
namespace {

using Clock = std::chrono::steady_clock;

/// What one thread works on. Results land here so that the work has an effect.
struct alignas(64) Share {
  const float* src;
  float* dst;
  float result;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Rounds of about 100 us: long beside a fork and join, short beside a time slice.
int64_t repeats_for(double seconds_of_one) {
  constexpr double kRound = 100e-6;
  return std::max<int64_t>(1, static_cast<int64_t>(kRound / std::max(seconds_of_one, 1e-9)));
}

}  // namespace

double measure(const Kernel& kernel, int threads, int64_t bytes, double seconds) {
  constexpr int64_t kFmaRounds = 1000, kFloatBytes = 4;
  const bool memory = kernel.kind != Kind::fma;
  const int64_t arrays = kernel.kind == Kind::copy ? 2 : 1;
  const int64_t blocks = memory ? bytes / (arrays * threads * kBlock * kFloatBytes) : 1;
  const int64_t length = std::max<int64_t>(blocks, 1) * kBlock;
  const int64_t n = memory ? length : kFmaRounds;
  AlignedBuffer buffer(threads * arrays * length * kFloatBytes);
  std::memset(buffer.data(), 0, static_cast<size_t>(buffer.bytes()));
  std::vector<Share> shares(static_cast<size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    float* const start = buffer.as<float>() + i * arrays * length;
    shares[i] = {start, start + (arrays - 1) * length, 0};
  }
  const auto round = [&](int64_t repeats) {
    const auto start = Clock::now();
    parallel_for(threads, threads, [&](int, int64_t i) {
      for (int64_t r = 0; r < repeats; ++r)
        shares[i].result += kernel.run(shares[i].src, shares[i].dst, n);
    });
    return seconds_since(start);
  };
  round(1);  // pages, caches, threads
  const int64_t repeats = repeats_for(round(1));
  double best = round(repeats);
  for (const auto start = Clock::now(); seconds_since(start) < seconds;)
    best = std::min(best, round(repeats));
  return static_cast<double>(kernel.units) * n * repeats * threads / best;
}

}  // namespace fi::peak
