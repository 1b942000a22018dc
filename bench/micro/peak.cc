// The peak loops themselves: multiply-adds in registers, and reads and copies of growing buffers.

#include "kernels/peak/peak.h"

#include "layers.h"

namespace fi::micro {
namespace {

void run_peak(benchmark::State& state, const peak::Kernel* kernel, int64_t bytes) {
  const int64_t n =
      kernel->kind == peak::Kind::fma ? 4096 : bytes / 4 / peak::kBlock * peak::kBlock;
  const AlignedBuffer source = random_floats(std::max<int64_t>(n, peak::kBlock));
  AlignedBuffer target(source.bytes());
  for (auto _ : state)
    benchmark::DoNotOptimize(kernel->run(source.as<float>(), target.as<float>(), n));
  const double units = static_cast<double>(kernel->units) * static_cast<double>(n);
  state.counters[kernel->kind == peak::Kind::fma ? "MAC/s" : "B/s"] = benchmark::Counter(
      units * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

}  // namespace

void register_peak() {
  for_usable(peak::table(), [](const peak::Kernel* kernel) {
    if (kernel->kind == peak::Kind::fma) {
      benchmark::RegisterBenchmark(kernel->info.name, run_peak, kernel, 0);
      return;
    }
    for (int64_t bytes = 16 << 10; bytes <= 64 << 20; bytes *= 16) {
      const std::string name =
          std::string(kernel->info.name) + "/" + std::to_string(bytes >> 10) + "KiB";
      benchmark::RegisterBenchmark(name.c_str(), run_peak, kernel, bytes);
    }
  });
}

}  // namespace fi::micro
