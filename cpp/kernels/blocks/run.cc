#include <algorithm>

#include "kernels/blocks/blocks.h"

namespace fi::blocks {

size_t scratch_bytes(const Kernel& kernel, int64_t inputs) {
  const int64_t padded = kernel.way == Way::rows ? inputs + kBlock : inputs;
  return static_cast<size_t>(kernel.most * padded) * sizeof(float);
}

void run(const Kernel& kernel, const Product& product, int64_t m_begin, int64_t m_end,
         int64_t begin, int64_t end, char* scratch) {
  const int64_t units = (m_end - m_begin + kernel.unit - 1) / kernel.unit;
  const int64_t most = kernel.most / kernel.unit, tiles = (units + most - 1) / most;
  for (int64_t t = 0; t < tiles; ++t) {  // as even as can be: a lone vector waits for its own sums
    const int64_t m = m_begin + units * t / tiles * kernel.unit;
    const int64_t last = std::min(m_begin + units * (t + 1) / tiles * kernel.unit, m_end);
    kernel.run(product, m, static_cast<int>(last - m), begin, end,
               reinterpret_cast<float*>(scratch));
  }
}

}  // namespace fi::blocks
