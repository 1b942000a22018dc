// Reductions: reduce, arg_reduce, cumsum.
#include "kernels/strided/reduce.h"

#include "base/error.h"
#include "plan/attributes.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {

std::unique_ptr<Operator> prepare_reduce(const Program& program, const Step& step,
                                         PrepareContext&) {
  const Operand x = input(program, step, 0), y = output(program, step, 0);
  const std::string function = Attributes(step).text("function");
  return make_strided("reduce", strided::make_reduce(x.view, y.view, function), {x}, {y});
}

std::unique_ptr<Operator> prepare_arg_reduce(const Program& program, const Step& step,
                                             PrepareContext&) {
  const Attributes attributes(step);
  const Operand x = input(program, step, 0), y = output(program, step, 0);
  const std::string function = attributes.text("function");
  if (function != "max" && function != "min") attributes.refuse("function", "is unknown");
  auto operation =
      strided::make_arg_reduce(x.view, y.view, function == "max", attributes.axis(x.view.rank, 0),
                               attributes.flag("select_last_index", false));
  return make_strided("arg_reduce", std::move(operation), {x}, {y});
}

std::unique_ptr<Operator> prepare_cumsum(const Program& program, const Step& step,
                                         PrepareContext&) {
  const Attributes attributes(step);
  const Operand x = input(program, step, 0), y = output(program, step, 0);
  auto operation =
      strided::make_cumsum(x.view, y.view, attributes.axis(x.view.rank, 0),
                           attributes.flag("exclusive", false), attributes.flag("reverse", false));
  return make_strided("cumsum", std::move(operation), {x}, {y});
}

}  // namespace fi::plan
