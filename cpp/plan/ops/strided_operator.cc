#include "plan/ops/strided_operator.h"

#include <atomic>

#include "base/error.h"
#include "base/fp_mode.h"
#include "kernels/strided/copy.h"
#include "plan/ops/rows.h"

namespace fi::plan {
namespace {

class KeepDenormals {
 public:
  KeepDenormals() : before_(fp_mode()) { set_fp_mode(before_ & ~kFlushDenormals); }
  ~KeepDenormals() { set_fp_mode(before_); }

 private:
  const uint64_t before_;
};

// Throws Error(value) if an index in the data is out of range.
void run_operation(const strided::Operation& operation, const strided::Pointers& at,
                   const RunContext& context, bool with_scratch) {
  std::atomic<bool> in_range{true};
  for_each_range(context, operation.tasks(), [&](int worker, int64_t begin, int64_t end) {
    const KeepDenormals mode;
    char* scratch = with_scratch ? context.scratch[worker] : nullptr;
    if (!operation.run(at, begin, end, scratch)) in_range.store(false, std::memory_order_relaxed);
  });
  if (!in_range) throw Error(ErrorKind::value, "index out of range");
}

class StridedOperator final : public Operator {
 public:
  StridedOperator(const char* row, strided::OperationPtr operation, std::vector<Operand> inputs,
                  std::vector<Operand> outputs)
      : operation_(std::move(operation)), inputs_(std::move(inputs)), outputs_(std::move(outputs)) {
    report_.algorithm = "strided";
    report_.kernel = row;
    report_.why = "any strides and types";
  }

  void run(const RunContext& context, const RowRange&) const override {
    strided::Pointers at;
    for (size_t i = 0; i < inputs_.size(); ++i) at.in[i] = inputs_[i].data(context);
    for (size_t i = 0; i < outputs_.size(); ++i) at.out[i] = outputs_[i].data(context);
    run_operation(*operation_, at, context, true);
  }

  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(operation_->scratch_bytes());
  }

 private:
  const strided::OperationPtr operation_;
  const std::vector<Operand> inputs_, outputs_;
};

TensorView row_major(const TensorView& view) {
  TensorView dense = view;
  int64_t stride = 1;
  for (int d = view.rank - 1; d >= 0; --d) {
    dense.stride[d] = stride;
    stride *= view.shape[d];
  }
  dense.dtype = DType::f32;
  return dense;
}

}  // namespace

std::unique_ptr<Operator> make_strided(const char* row, strided::OperationPtr operation,
                                       std::vector<Operand> inputs, std::vector<Operand> outputs) {
  return std::make_unique<StridedOperator>(row, std::move(operation), std::move(inputs),
                                           std::move(outputs));
}

Contiguous::Contiguous(const Operand& operand, PrepareContext& context) : operand_(operand) {
  if (!operand.present()) return;
  if (operand.view.dtype == DType::f32 && is_contiguous(operand.view)) return;
  copy_ = strided::make_copy(operand.view, row_major(operand.view));
  buffer_ = context.workspace(element_count(operand.view) * static_cast<int64_t>(sizeof(float)));
}

Contiguous Contiguous::as_is(const Operand& operand) {
  Contiguous self;
  self.operand_ = operand;
  return self;
}

void Contiguous::copy_at_run(const RunContext& context) const {
  if (!copy_) return;
  strided::Pointers at;
  at.in[0] = operand_.data(context);
  at.out[0] = context.buffers[buffer_];
  run_operation(*copy_, at, context, false);
}

const float* Contiguous::at(const RunContext& context) const {
  return copy_ ? reinterpret_cast<const float*>(context.buffers[buffer_])
               : operand_.as<const float>(context);
}

}  // namespace fi::plan
