// Data movement: copy, fill, where, pad, trilu.
#include "base/error.h"
#include "kernels/strided/copy.h"
#include "kernels/strided/pad.h"
#include "plan/attributes.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

strided::Scalar scalar_of(const Attributes& attributes) {
  if (attributes.has("value_int")) return strided::Scalar::of(attributes.integer("value_int"));
  return strided::Scalar::of(attributes.real("value", 0));
}

}  // namespace

std::unique_ptr<Operator> prepare_copy(const Program& program, const Step& step, PrepareContext&) {
  const Operand x = input(program, step, 0), y = output(program, step, 0);
  return make_strided("copy", strided::make_copy(x.view, y.view), {x}, {y});
}

std::unique_ptr<Operator> prepare_fill(const Program& program, const Step& step, PrepareContext&) {
  const Operand y = output(program, step, 0);
  return make_strided("fill", strided::make_fill(y.view, scalar_of(Attributes(step))), {}, {y});
}

std::unique_ptr<Operator> prepare_where(const Program& program, const Step& step, PrepareContext&) {
  const Operand condition = input(program, step, 0), a = input(program, step, 1),
                b = input(program, step, 2), y = output(program, step, 0);
  return make_strided("where", strided::make_where(condition.view, a.view, b.view, y.view),
                      {condition, a, b}, {y});
}

std::unique_ptr<Operator> prepare_pad(const Program& program, const Step& step, PrepareContext&) {
  const Attributes attributes(step);
  const Operand x = input(program, step, 0), y = output(program, step, 0);
  return make_strided("pad",
                      strided::make_pad(x.view, y.view, attributes.text("mode", "constant"),
                                        attributes.integers("pads"), scalar_of(attributes)),
                      {x}, {y});
}

std::unique_ptr<Operator> prepare_trilu(const Program& program, const Step& step, PrepareContext&) {
  const Attributes attributes(step);
  const Operand x = input(program, step, 0), y = output(program, step, 0);
  return make_strided("trilu",
                      strided::make_trilu(x.view, y.view, attributes.integer("k", 0),
                                          attributes.flag("upper", true)),
                      {x}, {y});
}

}  // namespace fi::plan
