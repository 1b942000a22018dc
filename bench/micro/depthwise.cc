// Every depthwise row over the networks' depthwise layers.

#include "kernels/depthwise/depthwise.h"

#include <benchmark/benchmark.h>

#include "cpu/features.h"
#include "layers.h"

namespace fi::micro {
namespace {

void run_depthwise(benchmark::State& state, const depthwise::Kernel* kernel, Layer layer,
                   Window window) {
  const int64_t channels = layer.channels_in, oh = layer.out_height(), ow = layer.out_width();
  const AlignedBuffer x = random_floats(layer.height * layer.width * channels);
  const AlignedBuffer w = random_floats(window.taps() * channels), bias = random_floats(channels);
  AlignedBuffer packed(static_cast<int64_t>(depthwise::packed_bytes(window.taps(), channels)));
  depthwise::pack(w.as<float>(), window.taps(), channels, packed.as<float>());
  AlignedBuffer y(oh * ow * channels * static_cast<int64_t>(sizeof(float)));

  depthwise::Convolution convolution;
  convolution.input = {x.as<float>(),
                       1,
                       layer.height,
                       layer.width,
                       channels,
                       layer.height * layer.width * channels,
                       layer.width * channels,
                       channels};
  convolution.output = {y.as<float>(), 1,       oh, ow, channels, oh * ow * channels,
                        ow * channels, channels};
  convolution.window = window;
  convolution.weights = packed.as<float>();
  convolution.bias = bias.as<float>();
  for (auto _ : state) {
    kernel->run(convolution, RowRange{0, 1, 0, oh});
    benchmark::ClobberMemory();
  }
  const double work = static_cast<double>(oh * ow * channels * window.taps() * state.iterations());
  const double bytes = static_cast<double>(x.bytes() + y.bytes() + w.bytes());
  state.counters["MAC/s"] = benchmark::Counter(work, benchmark::Counter::kIsRate);
  state.counters["peak%"] =
      benchmark::Counter(100 * work / peak_macs(kernel->info.tier), benchmark::Counter::kIsRate);
  state.counters["B/s"] = benchmark::Counter(bytes * static_cast<double>(state.iterations()),
                                             benchmark::Counter::kIsRate);
}

}  // namespace

void register_depthwise() {
  const depthwise::Table table = depthwise::table();
  for (int i = 0; i < table.count; ++i) {
    const depthwise::Kernel* kernel = table.rows[i];
    if (!cpu::can_use(kernel->info.tier, cpu::usable())) continue;
    for (const Layer& layer : layers()) {
      if (!layer.depthwise()) continue;
      Window window;
      window.kernel_h = static_cast<int32_t>(layer.kernel_h);
      window.kernel_w = static_cast<int32_t>(layer.kernel_w);
      window.stride_h = window.stride_w = static_cast<int32_t>(layer.stride);
      window.pad_top = window.pad_left = static_cast<int32_t>(layer.pad);
      if (!depthwise::accepts(*kernel, window, 1)) continue;
      const std::string name = std::string(kernel->info.name) + "/" + layer.label();
      benchmark::RegisterBenchmark(name.c_str(), run_depthwise, kernel, layer, window);
    }
  }
}

}  // namespace fi::micro
