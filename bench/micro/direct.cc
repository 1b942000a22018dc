// Every direct row over the layers of few input channels, interleaved (NHWC) and planar (NCHW).

#include "kernels/direct/direct.h"

#include "layers.h"

namespace fi::micro {
namespace {

constexpr int64_t kFew = 4;

void run_direct(benchmark::State& state, const direct::Kernel* kernel, Layer layer, bool planar) {
  const Tensors tensors(layer);
  const direct::Layer geometry = direct::layer_of(*kernel, layer.window(), layer.channels_in,
                                                  layer.channels_out, layer.out_width(), planar);
  AlignedBuffer packed(static_cast<int64_t>(direct::packed_bytes(geometry)));
  direct::pack_weights(geometry, oihw<direct::WeightView>(layer, tensors.w), packed.as<float>());
  AlignedBuffer scratch(static_cast<int64_t>(direct::scratch_bytes(geometry)));
  const int64_t pixels = layer.height * layer.width, channels = layer.channels_in;
  direct::Convolution convolution;
  convolution.input = {tensors.x.as<float>(),
                       1,
                       layer.height,
                       layer.width,
                       channels,
                       pixels * channels,
                       planar ? layer.width : layer.width * channels,
                       planar ? 1 : channels,
                       planar ? pixels : 1};
  convolution.output = tensors.output;
  convolution.bias = tensors.bias.as<float>();
  convolution.rows = {0, 1, 0, layer.out_height()};
  for (auto _ : state) {
    direct::run(geometry, convolution, packed.as<float>(), scratch.as<char>());
    benchmark::ClobberMemory();
  }
  report(state, kernel->info.tier, layer.macs(), tensors.bytes());
}

}  // namespace

void register_direct() {
  for_usable(direct::table(), [](const direct::Kernel* kernel) {
    for (const Layer& layer : layers()) {
      if (!layer.dense() || layer.channels_in > kFew) continue;
      for (const bool planar : {false, true}) {
        const std::string name = std::string(kernel->info.name) + (planar ? "/nchw/" : "/nhwc/");
        benchmark::RegisterBenchmark((name + layer.label()).c_str(), run_direct, kernel, layer,
                                     planar);
      }
    }
  });
}

}  // namespace fi::micro
