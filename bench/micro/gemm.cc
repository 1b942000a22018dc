// Every GEMM row over the products of the networks' convolutions (im2col shapes: M = pixels, N =
// channels_out, K = kernel * channels_in), lhs and rhs as large as in the layer, the lhs strided.

#include "kernels/gemm/gemm.h"

#include "layers.h"

namespace fi::micro {
namespace {

void run_gemm(benchmark::State& state, const gemm::Kernel* kernel, Layer layer) {
  const int64_t m = layer.out_height() * layer.out_width(), n = layer.channels_out;
  const int64_t k = layer.kernel_h * layer.kernel_w * layer.channels_in;
  const AlignedBuffer lhs = random_floats(m * k), dense = random_floats(k * n);
  AlignedBuffer rhs(static_cast<int64_t>(kernel->packed_rhs_bytes(k, n)));
  kernel->pack_rhs({dense.data(), k, n, n, 1}, rhs.data());
  AlignedBuffer dst(m * n * static_cast<int64_t>(sizeof(float)));

  gemm::Product product{};
  product.kernel = kernel;
  product.m = m;
  product.n = n;
  product.taps = 1;
  product.k_tap = k;
  product.form = gemm::LhsForm::strided;
  product.lhs = lhs.data();
  product.lhs_row_stride = k * static_cast<int64_t>(sizeof(float));
  product.rhs = rhs.data();
  product.dst = dst.data();
  product.dst_stride = n * static_cast<int64_t>(sizeof(float));
  const gemm::Blocking blocking = gemm::choose_blocking(product);
  AlignedBuffer scratch(static_cast<int64_t>(gemm::scratch_bytes(product, blocking)));
  for (auto _ : state) {
    gemm::run(product, blocking, 0, m, 0, n, scratch.data());
    benchmark::ClobberMemory();
  }
  const double bytes = static_cast<double>(lhs.bytes() + rhs.bytes() + dst.bytes());
  report(state, kernel->info.tier, layer.macs(), bytes);
}

}  // namespace

void register_gemm() {
  for_usable(gemm::table(), [](const gemm::Kernel* kernel) {
    if (!kernel->run[static_cast<int>(gemm::LhsForm::strided)]) return;
    for (const Layer& layer : layers()) {
      if (!layer.dense()) continue;
      const std::string name = std::string(kernel->info.name) + "/" + layer.label();
      benchmark::RegisterBenchmark(name.c_str(), run_gemm, kernel, layer);
    }
  });
}

}  // namespace fi::micro
