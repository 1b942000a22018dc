#include <algorithm>
#include <cstring>

#include "kernels/codebook/codebook.h"

namespace fi::codebook {
namespace {

bool is_finite(const Product& p) {
  uint32_t seen = 0;  // the top bit: an exponent of all ones
  for (int64_t m = 0; m < p.m; ++m) {
    const float* row = p.x + m * p.x_stride;
    for (int64_t k = 0; k < p.w.inputs; ++k) {
      uint32_t bits;
      std::memcpy(&bits, row + k, sizeof bits);
      seen |= (bits & 0x7f800000u) + 0x00800000u;
    }
  }
  return seen < 0x80000000u;
}

}  // namespace

void run(const Kernel& kernel, const Product& whole, int64_t begin, int64_t end) {
  Product product = whole;
  product.finite = kernel.form == Form::windowed && is_finite(whole);
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
