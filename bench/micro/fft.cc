// Every FFT row over the layers of stride 1 with windows of 5 and more that are dense or depthwise.
// MAC: those of the direct sum.

#include "kernels/fft/fft.h"

#include <algorithm>

#include "layers.h"

namespace fi::micro {
namespace {

int64_t extent_of(const Layer& layer) { return (layer.kernel_h - 1) * layer.dilation + 1; }

void run_fft(benchmark::State& state, const fft::Kernel* kernel, Layer layer) {
  const Tensors tensors(layer);
  const int64_t extent = extent_of(layer);
  fft::Convolution convolution;
  convolution.input = tensors.input;
  convolution.output = tensors.output;
  convolution.extent_h = convolution.extent_w = extent;
  convolution.pad_top = convolution.pad_left = static_cast<int32_t>(layer.pad);
  convolution.bias = tensors.bias.as<float>();
  convolution.rows = {0, 1, 0, layer.out_height()};
  const fft::Shape shape{1,
                         layer.out_height(),
                         layer.out_width(),
                         layer.channels_in,
                         layer.channels_out,
                         layer.groups,
                         extent,
                         extent};
  const fft::Layer plan = fft::layer_of(*kernel, shape);
  fft::WeightView view = oihw<fft::WeightView>(layer, tensors.w);
  view.kernel_h = layer.kernel_h;
  view.kernel_w = layer.kernel_w;
  view.dilation_h = view.dilation_w = layer.dilation;
  view.group = view.out * shape.group_outputs();
  AlignedBuffer packed(static_cast<int64_t>(fft::packed_bytes(plan)));
  fft::pack_weights(plan, view, 0, shape.outputs, packed.as<char>());
  AlignedBuffer scratch(static_cast<int64_t>(fft::scratch_bytes(plan)));
  const int64_t tiles = fft::grid_of(convolution, kernel->t).count();
  for (auto _ : state) {
    fft::run(plan, convolution, packed.as<char>(), 0, tiles, 0, shape.outputs, scratch.as<char>());
    benchmark::ClobberMemory();
  }
  report(state, kernel->info.tier, layer.macs(), tensors.bytes());
}

}  // namespace

void register_fft() {
  for_usable(fft::table(), [](const fft::Kernel* kernel) {
    for (const Layer& layer : layers()) {
      const int64_t extent = extent_of(layer);
      if (!layer.dense() && !layer.depthwise()) continue;
      if (layer.kernel_h < 5 || layer.stride != 1) continue;
      if (extent > std::min<int64_t>(kernel->t, fft::kMostExtent)) continue;
      const std::string name = std::string(kernel->info.name) + "/" + layer.label();
      benchmark::RegisterBenchmark(name.c_str(), run_fft, kernel, layer);
    }
  });
}

}  // namespace fi::micro
