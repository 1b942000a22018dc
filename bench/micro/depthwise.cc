// Every depthwise row over the depthwise layers of bench/shapes. bound%: the share of the time that
// multiply-adds at the peak, or a copy of as many bytes, would take.

#include "kernels/depthwise/depthwise.h"

#include <algorithm>

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

void run_depthwise(benchmark::State& state, const depthwise::Kernel* kernel, Layer layer) {
  const Tensors tensors(layer);
  const int64_t channels = layer.channels_in;
  AlignedBuffer packed(static_cast<int64_t>(depthwise::packed_bytes(layer.taps(), channels)));
  depthwise::pack(tensors.w.as<float>(), layer.taps(), channels, packed.as<float>());
  depthwise::Convolution convolution;
  convolution.input = tensors.input;
  convolution.output = tensors.output;
  convolution.window = layer.window();
  convolution.weights = packed.as<float>();
  convolution.bias = tensors.bias.as<float>();
  for (auto _ : state) {
    kernel->run(convolution, RowRange{0, 1, 0, layer.out_height()});
    benchmark::ClobberMemory();
  }
  report(state, kernel->info.tier, layer.macs(), tensors.bytes());
  rate(state, "bound%", 100 * bound(kernel->info.tier, layer.macs(), tensors.bytes()));
}

}  // namespace

void register_depthwise() {
  for_usable(depthwise::table(), [](const depthwise::Kernel* kernel) {
    for (const Layer& layer : layers()) {
      if (!layer.depthwise() || !depthwise::accepts(*kernel, layer.window(), 1)) continue;
      const std::string name = std::string(kernel->info.name) + "/" + layer.label();
      benchmark::RegisterBenchmark(name.c_str(), run_depthwise, kernel, layer);
    }
  });
}

}  // namespace fi::micro
