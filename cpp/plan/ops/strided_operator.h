// Operators of the strided room: they differ only in the operation that they prepare.
#pragma once

#include <memory>
#include <vector>

#include "kernels/strided/operation.h"
#include "plan/operand.h"
#include "plan/prepare.h"

namespace fi::plan {

/// Runs a prepared operation over operands, in the order of its factory's views. Denormals count in
/// full here: data movement and casts must not change values. `row`: the name of the room's table
/// row.
std::unique_ptr<Operator> make_strided(const char* row, strided::OperationPtr operation,
                                       std::vector<Operand> inputs, std::vector<Operand> outputs);

/// An operand as contiguous f32: itself, or a copy made at each run in a workspace.
class Contiguous {
 public:
  Contiguous() = default;
  Contiguous(const Operand& operand, PrepareContext& context);
  /// Taken for what it is, whatever its strides.
  static Contiguous as_is(const Operand& operand);

  /// To be called once in each run before at().
  void copy_at_run(const RunContext& context) const;
  const float* at(const RunContext& context) const;
  bool present() const { return operand_.present(); }
  /// The buffer number of the copy; -1: there is none.
  int buffer() const { return buffer_; }

 private:
  Operand operand_;
  strided::OperationPtr copy_;  // null: it is contiguous
  int buffer_ = -1;
};

}  // namespace fi::plan
