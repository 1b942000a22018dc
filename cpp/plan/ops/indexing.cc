// Reading and writing through index tensors, and sorting: gather, scatter, one_hot, topk.
#include "base/error.h"
#include "kernels/strided/index.h"
#include "kernels/strided/topk.h"
#include "plan/attributes.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {

std::unique_ptr<Operator> prepare_gather(const Program& program, const Step& step,
                                         PrepareContext&) {
  const Operand data = input(program, step, 0), indices = input(program, step, 1),
                y = output(program, step, 0);
  const int axis = Attributes(step).axis(data.view.rank, 0);
  return make_strided("gather", strided::make_gather(data.view, indices.view, y.view, axis),
                      {data, indices}, {y});
}

std::unique_ptr<Operator> prepare_gather_elements(const Program& program, const Step& step,
                                                  PrepareContext&) {
  const Operand data = input(program, step, 0), indices = input(program, step, 1),
                y = output(program, step, 0);
  const int axis = Attributes(step).axis(data.view.rank, 0);
  return make_strided("gather_elements",
                      strided::make_gather_elements(data.view, indices.view, y.view, axis),
                      {data, indices}, {y});
}

std::unique_ptr<Operator> prepare_gather_nd(const Program& program, const Step& step,
                                            PrepareContext&) {
  const Operand data = input(program, step, 0), indices = input(program, step, 1),
                y = output(program, step, 0);
  const auto batch_dims = Attributes(step).integer_in("batch_dims", 0, 0, kMaxRank);
  return make_strided(
      "gather_nd",
      strided::make_gather_nd(data.view, indices.view, y.view, static_cast<int>(batch_dims)),
      {data, indices}, {y});
}

std::unique_ptr<Operator> prepare_scatter_elements(const Program& program, const Step& step,
                                                   PrepareContext&) {
  const Attributes attributes(step);
  const Operand data = input(program, step, 0), indices = input(program, step, 1),
                updates = input(program, step, 2), y = output(program, step, 0);
  auto operation = strided::make_scatter_elements(data.view, indices.view, updates.view, y.view,
                                                  attributes.axis(data.view.rank, 0),
                                                  attributes.text("reduction", "none"));
  return make_strided("scatter_elements", std::move(operation), {data, indices, updates}, {y});
}

std::unique_ptr<Operator> prepare_scatter_nd(const Program& program, const Step& step,
                                             PrepareContext&) {
  const Operand data = input(program, step, 0), indices = input(program, step, 1),
                updates = input(program, step, 2), y = output(program, step, 0);
  auto operation = strided::make_scatter_nd(data.view, indices.view, updates.view, y.view,
                                            Attributes(step).text("reduction", "none"));
  return make_strided("scatter_nd", std::move(operation), {data, indices, updates}, {y});
}

std::unique_ptr<Operator> prepare_one_hot(const Program& program, const Step& step,
                                          PrepareContext&) {
  const Operand indices = input(program, step, 0), values = input(program, step, 1),
                y = output(program, step, 0);
  const int axis = Attributes(step).axis(y.view.rank, -1);
  return make_strided("one_hot", strided::make_one_hot(indices.view, values.view, y.view, axis),
                      {indices, values}, {y});
}

std::unique_ptr<Operator> prepare_topk(const Program& program, const Step& step, PrepareContext&) {
  const Attributes attributes(step);
  const Operand x = input(program, step, 0), values = output(program, step, 0),
                indices = output(program, step, 1);
  auto operation =
      strided::make_topk(x.view, values.view, indices.view, attributes.axis(x.view.rank, -1),
                         attributes.flag("largest", true));
  return make_strided("topk", std::move(operation), {x}, {values, indices});
}

}  // namespace fi::plan
