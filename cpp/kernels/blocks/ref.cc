// The reference: the contract's formula in float64, term by term.
#include "kernels/blocks/blocks.h"

namespace fi::blocks {

void reference(int64_t m, int64_t n, int64_t k, const double* x, const double* w,
               const double* bias, const double* residual, Activation activation, double* y) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) {
        if (w[j * k + p] != 0) sum += x[i * k + p] * w[j * k + p];
      }
      if (bias) sum += bias[j];
      if (residual) sum += residual[i * n + j];
      y[i * n + j] = reference_activation(activation, sum);
    }
  }
}

}  // namespace fi::blocks
