// Every planar depthwise row over the depthwise layers of bench/shapes.

#include "kernels/planar/planar.h"

#include "layers.h"

namespace fi::micro {
namespace {

void run_planar(benchmark::State& state, const planar::Kernel* kernel, Layer layer) {
  const Tensors tensors(layer);
  planar::Depthwise convolution;
  convolution.input = tensors.planes;
  convolution.output = tensors.out_planes;
  convolution.window = layer.window();
  convolution.weights = tensors.w.as<float>();
  convolution.bias = tensors.bias.as<float>();
  const planar::Staged staged =
      planar::staged_of(convolution.window, layer.out_height(), layer.out_width());
  AlignedBuffer scratch(static_cast<int64_t>(planar::scratch_bytes(*kernel, staged)));
  for (auto _ : state) {
    kernel->run(convolution, {0, 0, layer.channels_out, 0, layer.out_height()}, staged,
                scratch.as<float>());
    benchmark::ClobberMemory();
  }
  report(state, kernel->info.tier, layer.macs(), tensors.bytes());
}

}  // namespace

void register_planar() {
  for_usable(planar::table(), [](const planar::Kernel* kernel) {
    for (const Layer& layer : layers()) {
      if (!layer.depthwise() || !planar::accepts(*kernel, layer.window())) continue;
      const std::string name = std::string(kernel->info.name) + "/" + layer.label();
      benchmark::RegisterBenchmark(name.c_str(), run_planar, kernel, layer);
    }
  });
}

}  // namespace fi::micro
