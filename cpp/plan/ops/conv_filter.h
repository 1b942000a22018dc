// Filters as the right-hand side of a product: k = tap * inputs + input, n = output of the group.
#pragma once

#include "kernels/gemm/gemm.h"
#include "plan/ops/conv.h"

namespace fi::plan {

/// The packed filters of every group, one after the other.
class PackedFilter {
 public:
  PackedFilter(const gemm::Kernel& kernel, const ConvProblem& problem, const Filter& filter,
               PrepareContext& context);

  /// Packs filters that are inputs of the run; nothing to do for constant ones.
  void pack_at_run(const RunContext& context) const;
  const char* group(const RunContext& context, int64_t g) const;
  bool constant() const { return packed_ != nullptr; }

 private:
  void pack(const float* values, float* ordered, char* out, int threads) const;
  void order(const float* values, int64_t group, int64_t begin, int64_t end, float* ordered) const;
  bool needs_ordering() const { return taps_h_ * taps_w_ > 1; }
  int64_t ordered_bytes() const;

  const gemm::Kernel* kernel_;
  FilterView view_;
  Operand operand_;  // filters that are inputs of the run
  int64_t groups_, inputs_, outputs_, taps_h_, taps_w_;
  int64_t group_bytes_ = 0;
  PackedPtr packed_;                              // the others
  int packed_buffer_ = -1, ordered_buffer_ = -1;  // workspaces
};

}  // namespace fi::plan
