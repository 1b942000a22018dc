// The reference: the contract's formula in float64, term by term.
#include "kernels/gemm/gemm.h"

namespace fi::gemm {

void reference(int64_t m, int64_t n, int64_t k, const double* lhs, const double* rhs,
               const double* bias, const double* residual, Activation activation, double* dst) {
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += lhs[i * k + p] * rhs[p * n + j];
      if (bias) sum += bias[j];
      if (residual) sum += residual[i * n + j];
      dst[i * n + j] = reference_activation(activation, sum);
    }
  }
}

}  // namespace fi::gemm
