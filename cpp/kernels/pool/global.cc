// Global pooling: each stage is one window of the same micro-kernel.
#include <algorithm>

#include "kernels/pool/pool.h"

namespace fi::pool {
namespace {

/// Rows of a chunk: about 64 KiB of source.
int64_t chunk_rows(int64_t height, int64_t width, int64_t channels) {
  constexpr int64_t kChunk = 16384;
  const int64_t row = std::max<int64_t>(width * channels, 1);
  return std::clamp<int64_t>(kChunk / row, 1, std::max<int64_t>(height, 1));
}

}  // namespace

int64_t global_chunks(int64_t height, int64_t width, int64_t channels) {
  const int64_t rows = chunk_rows(height, width, channels);
  return std::max<int64_t>((height + rows - 1) / rows, 1);
}

void global_partial(const GlobalPool& pool, float* partial, int64_t begin, int64_t end) {
  const Image<const float>& src = pool.src;
  const int64_t rows = chunk_rows(src.height, src.width, src.channels);
  const int64_t chunks = global_chunks(src.height, src.width, src.channels);
  for (int64_t task = begin; task < end; ++task) {
    const int64_t y = task % chunks * rows;
    pool.kernel->run({
        .src = src.pixel(task / chunks, y, 0),
        .tap_row = src.row_stride,
        .tap_col = src.pixel_stride,
        .src_step = 0,
        .dst = partial + task * src.channels,
        .dst_step = 0,
        .rows = static_cast<int32_t>(std::min(rows, src.height - y)),
        .cols = static_cast<int32_t>(src.width),
        .pixels = 1,
        .channels = src.channels,
        .divisor = 1,
        .p = 0,
    });
  }
}

void global_finish(const GlobalPool& pool, const float* partial, int64_t begin, int64_t end) {
  const Image<const float>& src = pool.src;
  const int64_t chunks = global_chunks(src.height, src.width, src.channels);
  for (int64_t n = begin; n < end; ++n) {
    pool.kernel->run({
        .src = partial + n * chunks * src.channels,
        .tap_row = src.channels,
        .tap_col = 0,
        .src_step = 0,
        .dst = pool.dst + n * pool.dst_batch_stride,
        .dst_step = 0,
        .rows = static_cast<int32_t>(chunks),
        .cols = 1,
        .pixels = 1,
        .channels = src.channels,
        .divisor = static_cast<float>(src.height * src.width),
        .p = 0,
    });
  }
}

}  // namespace fi::pool
