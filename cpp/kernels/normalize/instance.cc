// Instance normalisation by chunks of rows. The workspace holds mean and m2 of every chunk, [batch
// * chunks][2][C], then the mean and the factor of every image, [batch][2][C].
//
// Chunks are combined in order by T. Chan, G. Golub and R. LeVeque, "Updating formulae and a
// pairwise algorithm for computing sample variances", 1979, in float64.
#include <algorithm>
#include <cmath>

#include "kernels/normalize/normalize.h"

namespace fi::normalize {
namespace {

/// Rows of a chunk: about 64 KiB of x, which the second pass finds in the cache.
int64_t chunk_rows(int64_t height, int64_t width, int64_t channels) {
  constexpr int64_t kChunk = 16384;
  const int64_t row = std::max<int64_t>(width * channels, 1);
  return std::clamp<int64_t>(kChunk / row, 1, std::max<int64_t>(height, 1));
}

int64_t chunks_of(const Image<const float>& x) {
  return instance_chunks(x.height, x.width, x.channels);
}

int64_t image_statistics(const Image<const float>& x, int64_t n) {
  return (x.batch * chunks_of(x) + n) * 2 * x.channels;
}

struct Moments {
  double count = 0, mean = 0, m2 = 0;

  void join(double n, double other_mean, double other_m2) {
    const double delta = other_mean - mean, total = count + n;
    mean += delta * n / total;
    m2 += other_m2 + delta * delta * count * n / total;
    count = total;
  }
};

}  // namespace

int64_t instance_chunks(int64_t height, int64_t width, int64_t channels) {
  const int64_t rows = chunk_rows(height, width, channels);
  return std::max<int64_t>((height + rows - 1) / rows, 1);
}

int64_t instance_workspace(const Image<const float>& x) { return image_statistics(x, x.batch); }

void instance_moments(const InstanceNorm& norm, float* workspace, int64_t begin, int64_t end) {
  const Image<const float>& x = norm.x;
  const int64_t rows = chunk_rows(x.height, x.width, x.channels), chunks = chunks_of(x);
  for (int64_t task = begin; task < end; ++task) {
    const int64_t y = task % chunks * rows;
    float* out = workspace + task * 2 * x.channels;
    norm.kernel->moments({x.pixel(task / chunks, y, 0), std::min(rows, x.height - y), x.row_stride,
                          x.width, x.pixel_stride, x.channels, out, out + x.channels});
  }
}

void instance_combine(const InstanceNorm& norm, float* workspace, int64_t begin, int64_t end) {
  const Image<const float>& x = norm.x;
  const int64_t rows = chunk_rows(x.height, x.width, x.channels), chunks = chunks_of(x);
  for (int64_t n = begin; n < end; ++n) {
    float* out = workspace + image_statistics(x, n);
    for (int64_t c = 0; c < x.channels; ++c) {
      Moments moments;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const float* in = workspace + (n * chunks + chunk) * 2 * x.channels + c;
        const int64_t height = std::min(rows, x.height - chunk * rows);
        moments.join(static_cast<double>(height * x.width), in[0], in[x.channels]);
      }
      out[c] = static_cast<float>(moments.mean);
      out[x.channels + c] =
          static_cast<float>(norm.scale[c] / std::sqrt(moments.m2 / moments.count + norm.epsilon));
    }
  }
}

void instance_apply(const InstanceNorm& norm, const float* workspace, const RowRange& rows) {
  const Image<const float>& x = norm.x;
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    const float* statistics = workspace + image_statistics(x, n);
    for (int64_t y = rows.begin; y < rows.end; ++y) {
      norm.kernel->affine({x.pixel(n, y, 0), norm.y.pixel(n, y, 0), x.width, x.pixel_stride,
                           norm.y.pixel_stride, x.channels, statistics, statistics + x.channels,
                           norm.bias});
    }
  }
}

}  // namespace fi::normalize
