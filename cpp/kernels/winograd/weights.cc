// The transform of the weights, done once at prepare.
#include <algorithm>

#include "base/buffer.h"
#include "kernels/winograd/matrices.h"
#include "kernels/winograd/winograd.h"

namespace fi::winograd {
namespace {

constexpr int64_t kChunk = 32;  // inputs transformed together, so that loops over them are vectors

using Lane = double[kChunk];

/// out[p] = sum_k g[p][k] * in[k * step], for a chunk of inputs.
void apply(const Matrices& f, const Lane* in, int64_t in_step, Lane* out, int64_t out_step) {
  for (int p = 0; p < f.t; ++p) {
    double* to = out[p * out_step];
    std::fill_n(to, kChunk, 0.0);
    for (int k = 0; k < 3; ++k) {
      const double factor = f.g[p][k];
      if (factor == 0) continue;
      const double* from = in[k * in_step];
      for (int64_t i = 0; i < kChunk; ++i) to[i] += factor * from[i];
    }
  }
}

/// points[p * stride + i] = (G g(o, i) G^T)(p) for i of [0, inputs).
void transform(const Matrices& f, const WeightView& w, int64_t o, int64_t inputs, float* points,
               int64_t stride) {
  Lane g[9], rows[kMaxT * 3], all[kMaxT * kMaxT];
  for (int64_t begin = 0; begin < inputs; begin += kChunk) {
    const int64_t count = std::min(kChunk, inputs - begin);
    for (int tap = 0; tap < 9; ++tap) {
      std::fill_n(g[tap], kChunk, 0.0);
      const float* from = w.data + o * w.out + begin * w.in + tap / 3 * w.row + tap % 3 * w.column;
      for (int64_t i = 0; i < count; ++i) g[tap][i] = from[i * w.in];
    }
    for (int x = 0; x < 3; ++x) apply(f, g + x, 3, rows + x, 3);
    for (int y = 0; y < f.t; ++y) apply(f, rows + y * 3, 1, all + y * f.t, 1);
    for (int p = 0; p < f.t * f.t; ++p) {
      float* to = points + p * stride + begin;
      for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(all[p][i]);
    }
  }
}

int64_t point_bytes(const Layer& layer) {
  return align_up(static_cast<int64_t>(layer.gemm->packed_rhs_bytes(layer.inputs, layer.outputs)));
}

}  // namespace

size_t packed_bytes(const Layer& layer) {
  return static_cast<size_t>(layer.points() * point_bytes(layer));
}

void pack_weights(const Layer& layer, const WeightView& weights, int64_t begin, int64_t end,
                  char* packed) {
  // A panel of nr outputs at a time: the transformed weights are up to seven times larger.
  const int64_t nr = layer.gemm->nr, inputs = layer.inputs;
  const int64_t panel_bytes = static_cast<int64_t>(layer.gemm->packed_rhs_bytes(inputs, nr));
  const AlignedBuffer panel(layer.points() * nr * inputs * static_cast<int64_t>(sizeof(float)));
  const Matrices& f = matrices_of(layer.kernel->m);
  for (int64_t n = begin; n < end; n += nr) {
    const int64_t count = std::min(nr, end - n);
    for (int64_t o = 0; o < count; ++o)
      transform(f, weights, n + o, inputs, panel.as<float>() + o * inputs, nr * inputs);
    for (int64_t p = 0; p < layer.points(); ++p) {
      const gemm::RhsView rhs{panel.as<float>() + p * nr * inputs, inputs, count, 1, inputs};
      layer.gemm->pack_rhs(rhs, packed + p * point_bytes(layer) + n / nr * panel_bytes);
    }
  }
}

}  // namespace fi::winograd
