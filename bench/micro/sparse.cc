// Every sparse row over the dense layers of bench/shapes, one weight of ten there. MAC: of the
// weights that are there.

#include "kernels/sparse/sparse.h"

#include "layers.h"

namespace fi::micro {
namespace {

constexpr double kDensity = 0.1;

void run_sparse(benchmark::State& state, const sparse::Kernel* kernel, Layer layer) {
  const Tensors tensors(layer);
  const AlignedBuffer weights = sparse_floats(layer.weights(), kDensity);
  const auto view = oihw<sparse::WeightView>(layer, weights);
  sparse::Convolution convolution;
  convolution.input = tensors.planes;
  convolution.output = tensors.out_planes;
  convolution.bias = tensors.bias.as<float>();
  const sparse::Shape shape{1,
                            layer.channels_in,
                            layer.height,
                            layer.width,
                            layer.channels_out,
                            layer.out_height(),
                            layer.out_width(),
                            layer.window()};
  const sparse::Layer plan = sparse::layer_of(*kernel, shape, tensors.planes.plane_stride, true, 1);
  AlignedBuffer packed(static_cast<int64_t>(sparse::packed_bytes(plan, view)));
  sparse::pack(plan, view, packed.as<char>());
  AlignedBuffer scratch(static_cast<int64_t>(sparse::scratch_bytes(plan)));
  for (auto _ : state) {
    for (int64_t panel = 0; panel < plan.panels; ++panel) {
      sparse::run(plan, convolution, packed.as<char>(), 0, 0, layer.out_height(), panel,
                  scratch.as<char>());
    }
    benchmark::ClobberMemory();
  }
  const double bytes = static_cast<double>(tensors.x.bytes() + tensors.y.bytes() + packed.bytes());
  report(state, kernel->info.tier, kDensity * layer.macs(), bytes);
}

}  // namespace

void register_sparse() {
  for_usable(sparse::table(), [](const sparse::Kernel* kernel) {
    for (const Layer& layer : layers()) {
      if (!layer.dense()) continue;
      const std::string name = std::string(kernel->info.name) + "/" + layer.label();
      benchmark::RegisterBenchmark(name.c_str(), run_sparse, kernel, layer);
    }
  });
}

}  // namespace fi::micro
