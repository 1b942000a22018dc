// Convolution by transformed tiles, Winograd's or Fourier's, with all threads at the same block.
#pragma once

#include <algorithm>
#include <cstdint>

#include "parallel/pool.h"
#include "plan/ops/split.h"

namespace fi::plan {

/// Whether threads had better work at one block together than at blocks of their own, all of whose
/// weights each of them reads: weights are more than a core keeps and there are few blocks, or
/// a thread's blocks would be of fewer than `least` tiles.
inline bool share_blocks(int threads, int64_t tiles, int64_t block_tiles, int64_t least,
                         int64_t weight_bytes) {
  constexpr int64_t kKept = 1 << 20, kBlocksPerThread = 2;
  if (threads <= 1) return false;
  const int64_t blocks = (tiles + block_tiles - 1) / block_tiles;
  return tiles < threads * least || (weight_bytes > kKept && blocks <= kBlocksPerThread * threads);
}

/// For blocks of `step` tiles, one after the other: inputs(worker, first, tiles, begin, end)
/// transforms tiles [begin, end) of the block, multiply(worker, tiles, point, column) computes a
/// part of the columns of one of its points, and outputs(like inputs) transforms back. A block's
/// outputs are written while the next one's inputs are read: threads meet twice in each block.
template <class Inputs, class Multiply, class Outputs>
void run_together(int threads, int64_t tiles, int64_t step, int64_t points, int64_t columns,
                  const Inputs& inputs, const Multiply& multiply, const Outputs& outputs) {
  int64_t done_first = 0, done = 0;  // the block before
  for (int64_t first = 0; done > 0 || first < tiles; first += step) {
    const int64_t count = std::clamp<int64_t>(tiles - first, 0, step);
    const Split before = split(done, 1, kTasksPerThread * threads),
                after = split(count, 1, kTasksPerThread * threads);
    parallel_for(threads, std::max(before.parts, after.parts), [&](int worker, int64_t part) {
      if (done > 0 && part < before.parts)
        outputs(worker, done_first, done, before.begin(part), before.end(part));
      if (count > 0 && part < after.parts)
        inputs(worker, first, count, after.begin(part), after.end(part));
    });
    if (count > 0) {
      parallel_for(threads, points * columns, [&](int worker, int64_t task) {
        multiply(worker, first, count, task / columns, task % columns);
      });
    }
    done_first = first;
    done = count;
  }
}

/// Parts of the columns that give each thread work where there are few points.
inline Split columns_together(int threads, int64_t points, int64_t outputs, int64_t unit) {
  constexpr int64_t kProducts = 4;  // of a thread, at least
  return split(outputs, unit, (kProducts * threads + points - 1) / points);
}

}  // namespace fi::plan
