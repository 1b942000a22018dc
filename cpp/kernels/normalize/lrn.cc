#include "kernels/normalize/normalize.h"

namespace fi::normalize {

size_t scratch_bytes(const Lrn& lrn, int64_t channels) {
  return static_cast<size_t>(channels + lrn.size) * sizeof(float);
}

void run(const Kernel& kernel, const Lrn& lrn, const Image<const float>& x, const Image<float>& y,
         const RowRange& rows, void* scratch) {
  for (int64_t n = rows.batch_begin; n < rows.batch_end; ++n) {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      kernel.lrn({x.pixel(n, row, 0), y.pixel(n, row, 0), x.width, x.pixel_stride, y.pixel_stride,
                  x.channels, lrn.size, lrn.alpha, lrn.beta, lrn.bias,
                  static_cast<float*>(scratch)});
    }
  }
}

}  // namespace fi::normalize
