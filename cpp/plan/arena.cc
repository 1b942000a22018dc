#include "plan/arena.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/buffer.h"
#include "base/error.h"

namespace fi::plan {
namespace {

bool used(const ArenaItem& item) { return item.bytes > 0 && item.first <= item.last; }

bool contemporaries(const ArenaItem& a, const ArenaItem& b) {
  return a.first <= b.last && b.first <= a.last;
}

// The tightest gap between `neighbours` (by offset) that holds `bytes`; else the end of the last of
// them.
int64_t best_offset(const std::vector<const ArenaItem*>& neighbours, int64_t bytes) {
  int64_t end = 0, best = -1, least_waste = std::numeric_limits<int64_t>::max();
  for (const ArenaItem* neighbour : neighbours) {
    const int64_t waste = neighbour->offset - end - bytes;
    if (waste >= 0 && waste < least_waste) {
      least_waste = waste;
      best = end;
    }
    end = std::max(end, neighbour->offset + align_up(neighbour->bytes));
  }
  return best >= 0 ? best : end;
}

void check_sum(const std::vector<ArenaItem>& items) {
  int64_t sum = 0;
  for (const ArenaItem& item : items) {
    int64_t rounded = 0;
    if (item.bytes < 0 || __builtin_add_overflow(item.bytes, kAlignment - 1, &rounded) ||
        __builtin_add_overflow(sum, rounded, &sum)) {
      throw Error(ErrorKind::memory, "the sizes of the activations overflow");
    }
  }
}

}  // namespace

int64_t place(std::vector<ArenaItem>& items) {
  check_sum(items);
  std::vector<int> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return items[a].bytes > items[b].bytes; });
  int64_t total = 0;
  std::vector<const ArenaItem*> placed, neighbours;  // by offset
  for (int i : order) {
    ArenaItem& item = items[i];
    item.offset = 0;
    if (!used(item)) continue;
    neighbours.clear();
    std::copy_if(placed.begin(), placed.end(), std::back_inserter(neighbours),
                 [&](const ArenaItem* other) { return contemporaries(*other, item); });
    item.offset = best_offset(neighbours, item.bytes);
    const auto by_offset = [](const ArenaItem* a, const ArenaItem* b) {
      return a->offset < b->offset;
    };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &item, by_offset), &item);
    total = std::max(total, item.offset + align_up(item.bytes));
  }
  return total;
}

}  // namespace fi::plan
