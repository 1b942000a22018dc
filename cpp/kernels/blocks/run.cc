#include <algorithm>

#include "kernels/blocks/blocks.h"

namespace fi::blocks {

size_t scratch_bytes(const Kernel& kernel, int64_t inputs) {
  const int64_t padded = kernel.way == Way::rows ? inputs + kBlock : inputs;
  return static_cast<size_t>(kernel.most * padded) * sizeof(float);
}

void run(const Kernel& kernel, const Product& product, int64_t m_begin, int64_t m_end,
         int64_t begin, int64_t end, char* scratch) {
  for (int64_t m = m_begin; m < m_end; m += kernel.most) {
    const int count = static_cast<int>(std::min<int64_t>(kernel.most, m_end - m));
    kernel.run(product, m, count, begin, end, reinterpret_cast<float*>(scratch));
  }
}

}  // namespace fi::blocks
