// A prepared program: operators bound to buffers. Immutable; run() may be called from many threads
// at once.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "plan/operator.h"
#include "plan/program.h"
#include "plan/stripes.h"
#include "plan/weight_cache.h"

namespace fi::plan {

/// Figures of m.plan(), in bytes.
struct MemoryReport {
  int64_t arena = 0;      // activations and workspaces, placed
  int64_t unshared = 0;   // the same without sharing
  int64_t workspace = 0;  // of these, workspaces
  int64_t scratch = 0;    // of all workers
  int64_t packed = 0;     // packed weights that this plan holds
  int64_t leases = 0;     // arenas made so far
};

class Plan {
 public:
  /// Empty: prepare() builds the rest.
  explicit Plan(Program program) : program_(std::move(program)) {}

  /// Inputs and outputs by array number, each of the bytes that its buffer states. `seconds`, if
  /// not null, receives the time of each step. Throws Error(value) where data are out of range
  /// (indices).
  void run(const std::vector<char*>& inputs, const std::vector<char*>& outputs,
           double* seconds = nullptr) const;

  const Program& program() const { return program_; }
  const StepReport& report(size_t step) const { return operators_[step]->report(); }
  /// Why the group of this step does not run by stripes though it is asked to; empty otherwise.
  const std::string& stripe_refusal(size_t step) const;
  /// The number of the group that runs the step.
  int group(size_t step) const { return group_of_[step]; }
  /// Rows of a stripe of the step's group; 0: it runs whole.
  int64_t stripe_rows(size_t step) const;
  MemoryReport memory() const;
  int threads() const { return threads_; }

 private:
  friend class PlanBuilder;

  /// The memory of one run.
  struct Lease {
    AlignedBuffer arena, scratch;
    std::vector<char*> buffers;     // by buffer number, workspaces behind the program's
    std::vector<char*> scratch_of;  // by worker
  };
  struct PlannedGroup {
    std::vector<int> steps;
    StripePlan stripes;  // empty: whole steps in turn
    std::string refusal;
  };

  std::unique_ptr<Lease> make_lease() const;
  std::unique_ptr<Lease> take_lease() const;
  void return_lease(std::unique_ptr<Lease> lease) const;
  void run_groups(Lease& lease, double* seconds) const;
  void run_step(int step, const RunContext& context, const RowRange& rows, double* seconds) const;
  void run_bands(const PlannedGroup& group, Lease& lease, double* seconds) const;

  Program program_;
  int threads_ = 1;
  std::vector<std::unique_ptr<Operator>> operators_;  // by step
  std::vector<PlannedGroup> groups_;
  std::vector<int> group_of_;           // by step
  std::vector<int64_t> arena_offsets_;  // by buffer number; -1: not in the arena
  std::vector<char*> constants_;        // by buffer number; null: not constant
  std::vector<PackedPtr>
      decoded_;  // what constants_ points into where the stored form would not do
  int64_t scratch_per_worker_ = 0;
  MemoryReport memory_;

  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Lease>> free_leases_;
  mutable int64_t leases_ = 0;
};

}  // namespace fi::plan
