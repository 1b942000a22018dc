#include "kernels/peak/peak.h"

namespace fi::peak {

double reference(Kind kind, const Kernel& kernel, const float* src, int64_t n) {
  if (kind == Kind::copy) return n > 0 ? src[n - 1] : 0;
  if (kind == Kind::read) {
    double total = 0;
    for (int64_t i = 0; i < n; ++i) total += src[i];
    return total;
  }
  double y = src[0];
  for (int64_t i = 0; i < n; ++i) y = y * src[1] + src[2];
  return y * static_cast<double>(kernel.units);
}

}  // namespace fi::peak
