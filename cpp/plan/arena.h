// Where activations lie: buffers whose lives do not overlap share memory.
#pragma once

#include <cstdint>
#include <vector>

namespace fi::plan {

/// A buffer that lives from group `first` to group `last`, both included; first > last: it is never
/// used.
struct ArenaItem {
  int64_t bytes = 0;
  int first = 0, last = -1;
  int64_t offset = 0;  // out: a multiple of kAlignment
};

/// Sets the offsets and returns the arena's bytes. Greedy by size, each into the tightest gap that
/// its contemporaries leave (Pisarchyk and Lee, Efficient memory management for deep neural net
/// inference, 2020). Throws Error of kind memory if the sum overflows.
int64_t place(std::vector<ArenaItem>& items);

}  // namespace fi::plan
