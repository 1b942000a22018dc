// The choice of a matrix product's algorithm where the right-hand side is a weight.
#pragma once

#include "kernels/codebook/codebook.h"
#include "plan/choose.h"

namespace fi::plan {

/// y (m, n) = a (m, k) b (k, n).
struct ProductQuery {
  int64_t m, n, k;
};

/// Cycles of one core.
double dense_cycles(const ProductQuery& query, const Machine& machine);
/// density: of the weights that are there.
double gapped_cycles(const ProductQuery& query, double density, codebook::Code code,
                     const Machine& machine);
double windowed_cycles(const ProductQuery& query, double density, codebook::Code code,
                       const Machine& machine);
double coded_cycles(const ProductQuery& query, codebook::Code code, const Machine& machine);

}  // namespace fi::plan
