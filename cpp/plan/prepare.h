// What an operator may ask for while it is being prepared, and prepare() itself.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/features.h"
#include "plan/choose.h"
#include "plan/operator.h"
#include "plan/program.h"
#include "plan/weight_cache.h"

namespace fi::plan {

class Plan;

/// Elements of a weight's shape.
int64_t element_count(const Weight& weight);

/// The weight as f32 in its own order: the stored elements themselves where they are that already,
/// else a copy.
std::shared_ptr<const float> decoded(const WeightPtr& weight);

/// Whether weights that are stored in compressed form may run from a dense one. automatic:
/// whichever is faster; compressed: only where no kernel takes the form; dense: nothing else, and
/// weights stored densely are not looked through for zeros.
enum class WeightPolicy : uint8_t { automatic, compressed, dense };

struct Options {
  FeatureMask features = 0;  // what kernels may use
  int threads = 1;
  int64_t memory_limit = INT64_MAX;               // bytes of one arena with its scratch
  std::map<std::string, std::string> algorithms;  // step name or "*" -> algorithm
  std::map<int64_t, Wish> tuned;                  // step number -> what timing found
  WeightPolicy weights = WeightPolicy::automatic;
  std::function<void()> let_go = nullptr;  // called when a step has read its weights, or null
};

/// The given operators bound to memory, ready to run. Throws Error.
std::shared_ptr<const Plan> prepare(Program program, std::shared_ptr<WeightCache> cache,
                                    const Options& options);

class PrepareContext {
 public:
  PrepareContext(const Program& program, WeightCache& cache, const Options& options)
      : program_(program),
        options_(options),
        cache_(cache),
        next_buffer_(static_cast<int>(program.buffers.size())) {}

  FeatureMask features() const { return options_.features; }
  int threads() const { return options_.threads; }
  WeightPolicy weights() const { return options_.weights; }

  /// The algorithm that the caller asks for at this step, else the one that timing found.
  Wish forced(const Step& step) const;
  /// Tells that a forced algorithm was taken.
  void applied(const std::string& algorithm) { applied_.insert(algorithm); }
  /// Throws Error(value) for a forced algorithm that is unknown or applied to no step.
  void check_forced() const;

  PackedPtr packed(const WeightPtr& weight, const std::string& format, int64_t bytes,
                   const std::function<void(char*)>& fill);
  PackedPtr packed(const WeightPtr& weight, const std::string& format,
                   const std::function<AlignedBuffer()>& make);

  /// A buffer number for memory that is this step's alone, while it runs.
  int workspace(int64_t bytes);
  /// The workspaces asked for since the last call.
  std::vector<std::pair<int, int64_t>> take_workspaces() { return std::exchange(workspaces_, {}); }
  /// Packed bytes that the plan holds.
  int64_t packed_bytes() const { return packed_bytes_; }

 private:
  const Program& program_;
  const Options& options_;
  WeightCache& cache_;
  int next_buffer_;
  std::vector<std::pair<int, int64_t>> workspaces_;
  std::set<std::string> applied_;
  std::set<const AlignedBuffer*> counted_;
  PackedPtr counted(PackedPtr packed);

  int64_t packed_bytes_ = 0;
};

}  // namespace fi::plan
