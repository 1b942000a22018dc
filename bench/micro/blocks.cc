// Every block row: pixels over the 1x1 layers of bench/shapes, rows over the fully connected ones;
// one block of four is there. MAC: of the blocks that are there.

#include "kernels/blocks/blocks.h"

#include "kernels/blocks/pack.h"
#include "layers.h"

namespace fi::micro {
namespace {

constexpr double kDensity = 0.25;

AlignedBuffer pack(const blocks::Kernel& kernel, int64_t outputs, int64_t inputs) {
  const int64_t width = blocks::kBlock / kernel.block_outputs;
  blocks::BlockRows rows{kernel.block_outputs, outputs, inputs, {0}, {}};
  std::mt19937 engine(0);
  std::normal_distribution<float> normal;
  std::bernoulli_distribution there(kDensity);
  for (int64_t output = 0; output < outputs; output += kernel.block_outputs) {
    for (int64_t input = 0; input < inputs; input += width) {
      if (!there(engine)) continue;
      blocks::Block block{{}, static_cast<int32_t>(input)};
      for (float& value : block.value) value = normal(engine);
      rows.blocks.push_back(block);
    }
    rows.begin.push_back(static_cast<int64_t>(rows.blocks.size()));
  }
  return blocks::pack(rows, kernel.way);
}

void run_blocks(benchmark::State& state, const blocks::Kernel* kernel, Matrix matrix, int64_t m) {
  const AlignedBuffer packed = pack(*kernel, matrix.outputs, matrix.inputs);
  const AlignedBuffer x = random_floats(m * matrix.inputs), bias = random_floats(matrix.outputs);
  AlignedBuffer y = random_floats(m * matrix.outputs);
  AlignedBuffer scratch(static_cast<int64_t>(blocks::scratch_bytes(*kernel, matrix.inputs)));
  blocks::Product product{};
  product.w = blocks::matrix_of(packed);
  product.x = x.as<float>();
  product.x_stride = matrix.inputs;
  product.y = y.as<float>();
  product.y_stride = matrix.outputs;
  product.bias = bias.as<float>();
  for (auto _ : state) {
    blocks::run(*kernel, product, 0, m, 0, product.w.groups, scratch.as<char>());
    benchmark::ClobberMemory();
  }
  const double weights = static_cast<double>(product.w.blocks * blocks::kBlock);
  const double bytes = static_cast<double>(x.bytes() + y.bytes() + packed.bytes());
  report(state, kernel->info.tier, weights * static_cast<double>(m), bytes);
}

void add(const blocks::Kernel* kernel, const Matrix& matrix, int64_t m, const std::string& label) {
  const int64_t width = blocks::kBlock / kernel->block_outputs;
  if (matrix.outputs % kernel->block_outputs != 0 || matrix.inputs % width != 0) return;
  const std::string name = std::string(kernel->info.name) + "/" + label;
  benchmark::RegisterBenchmark(name.c_str(), run_blocks, kernel, matrix, m);
}

}  // namespace

void register_blocks() {
  for_usable(blocks::table(), [](const blocks::Kernel* kernel) {
    if (kernel->way == blocks::Way::rows) {
      for (const Matrix& matrix : matrices()) {
        if (blocks::rows_reach(matrix.inputs, kernel->block_outputs))
          add(kernel, matrix, 1, matrix.label());
      }
      return;
    }
    for (const Layer& layer : layers()) {
      if (layer.dense() && layer.taps() == 1 && layer.stride == 1)
        add(kernel, {layer.channels_in, layer.channels_out}, layer.out_pixels(), layer.label());
    }
  });
}

}  // namespace fi::micro
