// What a step becomes: an Operator, made once by prepare and then only run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/view.h"
#include "plan/program.h"

namespace fi::plan {

class PrepareContext;  // feature mask, restricted candidates, packed-weight cache: plan/prepare.h

/// What m.plan() says of a step.
struct StepReport {
  std::string algorithm;  // gemm, im2col, depthwise, ...
  std::string kernel;     // the table row
  int64_t macs = 0;       // that are computed: absent weights make none
  int64_t weights =
      0;              // that are read, filling aside; 0 where the step has none or none counts them
  int64_t bytes = 0;  // compulsory traffic: inputs, outputs, weights as stored
  std::string why;
  std::vector<std::pair<std::string, std::string>> refused;  // candidate, reason
  std::vector<std::pair<std::string, double>> candidates;    // taken or not, and estimated cycles
  /// Bytes of the matrix that one image is lowered to, by each candidate that makes one.
  std::vector<std::pair<std::string, int64_t>> lowered_bytes;
  /// What is to be expected of each candidate that transforms, as a share of the output's root mean
  /// square (Candidate::expect_error).
  std::vector<std::pair<std::string, double>> errors;
  int64_t scratch_bytes = 0;  // what one thread holds meanwhile
  bool slow = false;          // much work, and no fast kernel for it
};

/// The memory and threads of one run.
struct RunContext {
  char* const* buffers;  // by buffer number
  char* const* scratch;  // by worker
  int threads;
};

class Operator {
 public:
  virtual ~Operator() = default;
  /// Computes rows of the first output; operators that cannot be striped get the whole range and
  /// ignore it.
  virtual void run(const RunContext& context, const RowRange& rows) const = 0;
  /// Rows of input 0 that rows [begin, end) of the output need (the halo); only for operators with
  /// striped() true.
  virtual std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const {
    return {begin, end};
  }
  virtual bool striped() const { return false; }
  /// Output rows that are made together, from multiples of it on: fewer cost as much.
  virtual int64_t row_unit() const { return 1; }
  virtual int64_t scratch_bytes() const { return 0; }  // per worker
  const StepReport& report() const { return report_; }
  StepReport& report() { return report_; }

 protected:
  StepReport report_;
};

using PrepareFn = std::unique_ptr<Operator> (*)(const Program& program, const Step& step,
                                                PrepareContext& context);

/// One row per operator that lowering may emit.
struct OperatorRow {
  const char* op;
  PrepareFn prepare;
};
const OperatorRow* find_operator(const std::string& op);

}  // namespace fi::plan
