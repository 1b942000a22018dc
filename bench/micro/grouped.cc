// Every grouped row over the grouped layers of bench/shapes.

#include "kernels/grouped/grouped.h"

#include "layers.h"

namespace fi::micro {
namespace {

grouped::Channels channels_of(const Layer& layer) {
  return {layer.groups, layer.group_inputs(), layer.channels_out / layer.groups};
}

void run_grouped(benchmark::State& state, const grouped::Kernel* kernel, Layer layer) {
  const Tensors tensors(layer);
  const grouped::Channels channels = channels_of(layer);
  AlignedBuffer packed(
      static_cast<int64_t>(grouped::packed_bytes(*kernel, layer.taps(), channels)));
  grouped::pack(*kernel, tensors.w.as<float>(), layer.window(), channels, packed.as<float>());
  grouped::Convolution convolution;
  convolution.input = tensors.input;
  convolution.output = tensors.output;
  convolution.window = layer.window();
  convolution.groups = layer.groups;
  convolution.weights = packed.as<float>();
  convolution.bias = tensors.bias.as<float>();
  for (auto _ : state) {
    kernel->run(convolution, RowRange{0, 1, 0, layer.out_height()});
    benchmark::ClobberMemory();
  }
  report(state, kernel->info.tier, layer.macs(), tensors.bytes());
}

}  // namespace

void register_grouped() {
  for_usable(grouped::table(), [](const grouped::Kernel* kernel) {
    for (const Layer& layer : layers()) {
      if (layer.dense() || layer.depthwise()) continue;
      if (!grouped::accepts(*kernel, layer.window(), channels_of(layer))) continue;
      const std::string name = std::string(kernel->info.name) + "/" + layer.label();
      benchmark::RegisterBenchmark(name.c_str(), run_grouped, kernel, layer);
    }
  });
}

}  // namespace fi::micro
