// python/fastinfer/plan/records.py and graph/weight.py as the core's records.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <unordered_map>

#include "plan/program.h"
#include "plan/weight_cache.h"

namespace py = pybind11;

namespace fi::bindings {

/// The weights of a model: one core weight for each Python weight object, and what was packed of
/// them.
class ModelWeights {
 public:
  explicit ModelWeights(int64_t limit_bytes)
      : packed_(std::make_shared<plan::WeightCache>(limit_bytes)) {}

  /// The weight of this object; it keeps the object alive. Needs the interpreter's lock. Throws
  /// Error(value) if the object is malformed.
  plan::WeightPtr get(const py::object& weight);
  const std::shared_ptr<plan::WeightCache>& packed() const { return packed_; }

 private:
  std::shared_ptr<plan::WeightCache> packed_;
  // An identity that is alive holds its object, so the object's address names it; expired entries
  // are replaced. What was packed outlives the weight's own memory, which a stream decodes to.
  struct Known {
    std::weak_ptr<const plan::Weight> weight;
    std::weak_ptr<const void> identity;
    uint64_t id = 0;
  };
  std::unordered_map<PyObject*, Known> known_;
};

/// Throws Error(internal) for records of a wrong type or number; what they say is checked by
/// plan::check.
plan::Program program_of(const py::object& program, ModelWeights& weights);

}  // namespace fi::bindings
