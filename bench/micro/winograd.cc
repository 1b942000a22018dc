// Every Winograd row over the dense 3x3 layers of stride 1. MAC: those of the direct sum.

#include "kernels/winograd/winograd.h"

#include "layers.h"

namespace fi::micro {
namespace {

void run_winograd(benchmark::State& state, const winograd::Kernel* kernel, Layer layer) {
  const Tensors tensors(layer);
  winograd::Convolution convolution;
  convolution.input = tensors.input;
  convolution.output = tensors.output;
  convolution.pad_top = convolution.pad_left = static_cast<int32_t>(layer.pad);
  convolution.bias = tensors.bias.as<float>();
  convolution.rows = {0, 1, 0, layer.out_height()};
  const int64_t tiles = winograd::grid_of(convolution, kernel->m).count();
  const winograd::Layer plan = winograd::layer_of(*kernel, info_of(kernel->info.tier).required,
                                                  tiles, layer.channels_in, layer.channels_out);
  AlignedBuffer packed(static_cast<int64_t>(winograd::packed_bytes(plan)));
  winograd::pack_weights(plan, oihw<winograd::WeightView>(layer, tensors.w), 0, plan.outputs,
                         packed.as<char>());
  AlignedBuffer scratch(static_cast<int64_t>(winograd::scratch_bytes(plan)));
  for (auto _ : state) {
    winograd::run(plan, convolution, packed.as<char>(), 0, tiles, scratch.as<char>());
    benchmark::ClobberMemory();
  }
  report(state, kernel->info.tier, layer.macs(), tensors.bytes());
}

}  // namespace

void register_winograd() {
  for_usable(winograd::table(), [](const winograd::Kernel* kernel) {
    for (const Layer& layer : layers()) {
      if (!layer.dense() || layer.kernel_h != 3 || layer.kernel_w != 3) continue;
      if (layer.stride != 1 || layer.dilation != 1) continue;
      const std::string name = std::string(kernel->info.name) + "/" + layer.label();
      benchmark::RegisterBenchmark(name.c_str(), run_winograd, kernel, layer);
    }
  });
}

}  // namespace fi::micro
