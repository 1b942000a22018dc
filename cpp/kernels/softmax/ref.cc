// The reference: the formula of softmax.h.
#include <cmath>

#include "kernels/softmax/softmax.h"

namespace fi::softmax {

void reference(bool log, const double* x, double* y, int64_t n) {
  double m = x[0], sum = 0;
  for (int64_t i = 1; i < n; ++i) m = x[i] > m ? x[i] : m;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - m);
  for (int64_t i = 0; i < n; ++i) y[i] = log ? x[i] - m - std::log(sum) : std::exp(x[i] - m) / sum;
}

}  // namespace fi::softmax
