// Every depthwise row over the networks' depthwise layers, and over windows that those lack.
// bound%: the share of the time that multiply-adds at the peak, or a copy of as many bytes, would
// take.

#include "kernels/depthwise/depthwise.h"

#include <benchmark/benchmark.h>

#include <algorithm>

#include "cpu/features.h"
#include "kernels/peak/peak.h"
#include "layers.h"

namespace fi::micro {
namespace {

/// Seconds: what no row can beat by much.
double bound(Tier tier, double macs, double bytes) {
  const peak::Kernel* copy = peak::find(peak::Kind::copy, info_of(tier).required);
  return std::max(macs / peak_macs(tier),
                  bytes / peak::measure(*copy, 1, static_cast<int64_t>(bytes), 0.05));
}

/// The size of the output along one side.
int64_t outputs(int64_t size, int64_t pad, int64_t kernel, int64_t dilation, int64_t stride) {
  return (size + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1;
}

void run_depthwise(benchmark::State& state, const depthwise::Kernel* kernel, Layer layer,
                   Window window) {
  const int64_t channels = layer.channels_in;
  const int64_t oh =
      outputs(layer.height, layer.pad, layer.kernel_h, window.dilation_h, layer.stride);
  const int64_t ow =
      outputs(layer.width, layer.pad, layer.kernel_w, window.dilation_w, layer.stride);
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
  const double macs = static_cast<double>(oh * ow * channels * window.taps());
  const double work = macs * static_cast<double>(state.iterations());
  const double bytes = static_cast<double>(x.bytes() + y.bytes() + w.bytes());
  state.counters["MAC/s"] = benchmark::Counter(work, benchmark::Counter::kIsRate);
  state.counters["peak%"] =
      benchmark::Counter(100 * work / peak_macs(kernel->info.tier), benchmark::Counter::kIsRate);
  state.counters["bound%"] = benchmark::Counter(
      100 * bound(kernel->info.tier, macs, bytes) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
  state.counters["B/s"] = benchmark::Counter(bytes * static_cast<double>(state.iterations()),
                                             benchmark::Counter::kIsRate);
}

void add(const depthwise::Kernel* kernel, const Layer& layer, int64_t dilation) {
  Window window;
  window.kernel_h = static_cast<int32_t>(layer.kernel_h);
  window.kernel_w = static_cast<int32_t>(layer.kernel_w);
  window.stride_h = window.stride_w = static_cast<int32_t>(layer.stride);
  window.dilation_h = window.dilation_w = static_cast<int32_t>(dilation);
  window.pad_top = window.pad_left = static_cast<int32_t>(layer.pad);
  if (!depthwise::accepts(*kernel, window, 1)) return;
  std::string name = std::string(kernel->info.name) + "/" + layer.label();
  if (dilation > 1) name += "d" + std::to_string(dilation);
  benchmark::RegisterBenchmark(name.c_str(), run_depthwise, kernel, layer, window);
}

struct Other {
  int64_t size, channels, kernel, stride, dilation;
};
constexpr Other kOthers[] = {
    {28, 120, 5, 1, 1}, {14, 240, 5, 1, 1}, {7, 960, 5, 1, 1},  {56, 72, 5, 2, 1},
    {14, 672, 5, 2, 1}, {56, 96, 7, 1, 1},  {14, 384, 7, 1, 1}, {28, 96, 7, 2, 1},
    {28, 192, 3, 1, 2}, {14, 384, 3, 1, 2}, {28, 64, 5, 1, 3},  {28, 64, 31, 1, 1},
};

}  // namespace

void register_depthwise() {
  const depthwise::Table table = depthwise::table();
  for (int i = 0; i < table.count; ++i) {
    const depthwise::Kernel* kernel = table.rows[i];
    if (!cpu::can_use(kernel->info.tier, cpu::usable())) continue;
    for (const Layer& layer : layers()) {
      if (layer.depthwise()) add(kernel, layer, 1);
    }
    for (const Other& o : kOthers) {
      const int64_t pad = (o.kernel - 1) * o.dilation / 2;
      add(kernel,
          {"other", o.size, o.size, o.channels, o.channels, o.kernel, o.kernel, o.stride, pad,
           o.channels},
          o.dilation);
    }
  }
}

}  // namespace fi::micro
