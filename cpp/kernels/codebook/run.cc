#include <algorithm>

#include "kernels/codebook/codebook.h"

namespace fi::codebook {

void run(const Kernel& kernel, const Product& product, int64_t begin, int64_t end) {
  if (product.m <= kMaxRows) {
    if (product.m > 0) kernel.run[product.m - 1](product, 0, begin, end);
    return;
  }
  // Group by group, so that a group's weights come from memory once.
  for (int64_t group = begin; group < end; ++group) {
    for (int64_t m = 0; m < product.m; m += kMaxRows) {
      const int64_t rows = std::min<int64_t>(kMaxRows, product.m - m);
      kernel.run[rows - 1](product, m, group, group + 1);
    }
  }
}

}  // namespace fi::codebook
