// Element-wise operators: f32 in the eltwise room, everything else in the strided one.
#include "kernels/eltwise/eltwise.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/strided/binary.h"
#include "kernels/strided/unary.h"
#include "plan/attributes.h"
#include "plan/ops/rows.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

bool all_f32(std::initializer_list<const Operand*> operands) {
  return std::all_of(operands.begin(), operands.end(),
                     [](const Operand* o) { return o->view.dtype == DType::f32; });
}

// The rows of a rank-4 view that a stripe asks for.
TensorView rows_of(TensorView view, const RowRange& rows) {
  view.shape[0] = rows.batch_end - rows.batch_begin;
  view.shape[2] = rows.end - rows.begin;
  return view;
}

float* first_of(const Operand& operand, const RunContext& context, const RowRange& rows) {
  const TensorView& view = operand.view;
  return operand.as<float>(context) + rows.batch_begin * view.stride[0] +
         rows.begin * view.stride[2];
}

bool is_whole(const TensorView& y, const RowRange& rows) {
  return y.rank != 4 || (rows.batch_begin == 0 && rows.batch_end == y.shape[0] && rows.begin == 0 &&
                         rows.end == y.shape[2]);
}

class UnaryOperator final : public Operator {
 public:
  UnaryOperator(const eltwise::UnaryKernel& kernel, const Operand& x, const Operand& y, float alpha,
                float beta)
      : x_(x), y_(y), loop_(eltwise::prepare_unary(kernel, x.view, y.view, alpha, beta)) {
    report_.algorithm = "eltwise";
    report_.kernel = kernel.info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    if (is_whole(y_.view, rows)) {
      return run_loop(context, loop_, x_.as<float>(context), y_.as<float>(context));
    }
    const auto loop = eltwise::prepare_unary(*loop_.kernel, rows_of(x_.view, rows),
                                             rows_of(y_.view, rows), loop_.alpha, loop_.beta);
    run_loop(context, loop, first_of(x_, context, rows), first_of(y_, context, rows));
  }
  bool striped() const override { return y_.view.rank == 4; }

 private:
  static void run_loop(const RunContext& context, const eltwise::UnaryLoop& loop, const float* x,
                       float* y) {
    for_each_range(context, loop.nest.tasks,
                   [&](int, int64_t begin, int64_t end) { eltwise::run(loop, x, y, begin, end); });
  }

  const Operand x_, y_;
  const eltwise::UnaryLoop loop_;
};

class BinaryOperator final : public Operator {
 public:
  BinaryOperator(const eltwise::BinaryKernel& kernel, FeatureMask features, const Operand& a,
                 const Operand& b, const Operand& y, const Activation& activation)
      : features_(features),
        a_(a),
        b_(b),
        y_(y),
        activation_(activation),
        loop_(eltwise::prepare_binary(kernel, features, a.view, b.view, y.view, activation)) {
    report_.algorithm = "eltwise";
    report_.kernel = kernel.info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    if (is_whole(y_.view, rows)) {
      return run_loop(context, loop_, a_.as<float>(context), b_.as<float>(context),
                      y_.as<float>(context));
    }
    const auto loop =
        eltwise::prepare_binary(*loop_.kernel, features_, rows_of(a_.view, rows),
                                rows_of(b_.view, rows), rows_of(y_.view, rows), activation_);
    run_loop(context, loop, first_of(a_, context, rows), first_of(b_, context, rows),
             first_of(y_, context, rows));
  }
  bool striped() const override { return y_.view.rank == 4; }

 private:
  static void run_loop(const RunContext& context, const eltwise::BinaryLoop& loop, const float* a,
                       const float* b, float* y) {
    for_each_range(context, loop.nest.tasks, [&](int, int64_t begin, int64_t end) {
      eltwise::run(loop, a, b, y, begin, end);
    });
  }

  const FeatureMask features_;
  const Operand a_, b_, y_;
  const Activation activation_;
  const eltwise::BinaryLoop loop_;
};

}  // namespace

std::unique_ptr<Operator> prepare_unary(const Program& program, const Step& step,
                                        PrepareContext& context) {
  const Attributes attributes(step);
  const Operand x = input(program, step, 0), y = output(program, step, 0);
  const std::string name = attributes.text("function");
  const double alpha = attributes.real("alpha", 0), beta = attributes.real("beta", 0);
  eltwise::Unary function;
  if (all_f32({&x, &y}) && eltwise::unary_from_name(name.c_str(), &function)) {
    return std::make_unique<UnaryOperator>(*eltwise::find(function, context.features()), x, y,
                                           static_cast<float>(alpha), static_cast<float>(beta));
  }
  return make_strided("unary", strided::make_unary(x.view, y.view, name, alpha, beta), {x}, {y});
}

std::unique_ptr<Operator> prepare_binary(const Program& program, const Step& step,
                                         PrepareContext& context) {
  const Attributes attributes(step);
  const Operand a = input(program, step, 0), b = input(program, step, 1),
                y = output(program, step, 0);
  const std::string name = attributes.text("function");
  const Activation activation = attributes.activation();
  eltwise::Binary function;
  if (all_f32({&a, &b, &y}) && eltwise::binary_from_name(name.c_str(), &function)) {
    return std::make_unique<BinaryOperator>(*eltwise::find(function, context.features()),
                                            context.features(), a, b, y, activation);
  }
  require(activation.kind == ActivationKind::none, step, ErrorKind::unsupported,
          "an activation after " + name + " of " + name_of(a.view.dtype));
  return make_strided("binary", strided::make_binary(a.view, b.view, y.view, name), {a, b}, {y});
}

}  // namespace fi::plan
