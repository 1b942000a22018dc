#include <algorithm>
#include <optional>

#include "base/error.h"
#include "kernels/codebook/pack.h"
#include "plan/attributes.h"
#include "plan/choose_blocks.h"
#include "plan/ops/blocks.h"

namespace fi::plan {
namespace {

constexpr int64_t kMuchWork = 1 << 20;  // multiplications that take milliseconds one by one

void read_sizes(const Step& step, MatmulProblem* p, bool trans_b) {
  const TensorView &a = p->a.view, &y = p->y.view;
  require(y.rank >= 2 && a.rank == y.rank, step, ErrorKind::shape,
          "matmul needs equal ranks, 2 or more");
  const int row = y.rank - 2, column = y.rank - 1;
  p->m = a.shape[row];
  p->k = a.shape[column];
  p->a_m = a.stride[row];
  p->a_k = a.stride[column];
  p->y_m = y.stride[row];
  p->y_n = y.stride[column];
  int64_t b_k = 0;
  if (p->weight) {
    require(p->weight->shape.size() == 2, step, ErrorKind::shape, "the weight is not a matrix");
    const auto& shape = p->weight->shape;
    b_k = shape[trans_b ? 1 : 0];
    p->n = shape[trans_b ? 0 : 1];
    p->b_k = trans_b ? 1 : shape[1];
    p->b_n = trans_b ? shape[1] : 1;
  } else {
    const TensorView& b = p->b.view;
    require(b.rank == y.rank || b.rank == 2, step, ErrorKind::shape, "b has the wrong rank");
    require(!trans_b, step, ErrorKind::attribute,
            "trans_b is for weights; a view can be transposed");
    b_k = b.shape[b.rank - 2];
    p->n = b.shape[b.rank - 1];
    p->b_k = b.stride[b.rank - 2];
    p->b_n = b.stride[b.rank - 1];
  }
  require(b_k == p->k && y.shape[row] == p->m && y.shape[column] == p->n, step, ErrorKind::shape,
          "the sizes of a, b and y do not fit together");
}

void read_residual(const Step& step, bool may_copy, MatmulProblem* p) {
  if (!p->residual.present()) return;
  const TensorView &r = p->residual.view, &y = p->y.view;
  require(same_shape(r, y) && r.dtype == y.dtype, step, ErrorKind::shape,
          "the residual does not have the output's shape and type");
  p->residual_m = r.stride[y.rank - 2];
  p->residual_n = r.stride[y.rank - 1];
  // The epilogue reads whole rows.
  p->copies_residual = may_copy && r.dtype == DType::f32 && p->residual_n != 1 && p->n > 1;
  if (p->copies_residual) {
    p->residual_m = p->n;
    p->residual_n = 1;
  }
}

void read_batch(const Step& step, MatmulProblem* p) {
  const TensorView &a = p->a.view, &b = p->b.view, &y = p->y.view;
  int64_t dense = p->m * p->n;  // stride of the residual's copy
  p->batch_rank = y.rank - 2;
  for (int d = p->batch_rank - 1; d >= 0; --d) {
    const bool has_b = !p->weight && b.rank == y.rank;
    require(a.shape[d] == y.shape[d] && (!has_b || b.shape[d] == y.shape[d]), step,
            ErrorKind::shape, "the batch axes do not fit together");
    const int64_t residual = p->copies_residual      ? dense
                             : p->residual.present() ? p->residual.view.stride[d]
                                                     : 0;
    p->batch[d] = {y.shape[d], a.stride[d], has_b ? b.stride[d] : 0, y.stride[d], residual};
    if (y.shape[d] == 1) p->batch[d].b = 0;
    dense *= y.shape[d];
  }
}

// Folds the last batch axes into m while they only repeat b.
void join_batch(MatmulProblem* p) {
  while (p->batch_rank > 0) {
    const MatmulProblem::Axis& last = p->batch[p->batch_rank - 1];
    const bool residual_joins = !p->residual.present() || last.residual == p->m * p->residual_m;
    const bool joins =
        last.b == 0 && last.a == p->m * p->a_m && last.y == p->m * p->y_m && residual_joins;
    if (p->m == 1 && last.b == 0) {
      p->a_m = last.a;
      p->y_m = last.y;
      p->residual_m = last.residual;
    } else if (last.size != 1 && !joins) {
      return;
    }
    p->m *= last.size;
    --p->batch_rank;
  }
}

bool is_f32(const MatmulProblem& p) {
  return p.a.view.dtype == DType::f32 && p.y.view.dtype == DType::f32 &&
         (p.weight || p.b.view.dtype == DType::f32);
}

ProductQuery query_of(const MatmulProblem& p) { return {p.batches() * p.m, p.n, p.k}; }

Candidate gemm_candidate(const MatmulProblem& p, const Machine& machine) {
  Candidate c{"gemm", 0, ""};
  c.cycles = p.weight ? dense_cycles(query_of(p), machine)
                      : static_cast<double>(p.batches() * p.m * p.k) * static_cast<double>(p.n) /
                            machine.macs_per_cycle;
  if (!is_f32(p)) {
    c.refusal = "the types are not f32";
  } else if (p.y_n != 1 && p.n > 1) {
    c.refusal = "the output's rows are not contiguous";
  } else if (p.k == 0) {
    c.refusal = "there is nothing to sum";
  }
  return c;
}

/// Why no kernel of the codebook or blocks room can do the step; empty: one may.
std::string coded_refusal(const MatmulProblem& p, WeightPolicy policy) {
  if (policy == WeightPolicy::dense) return "dense weights were asked for";
  if (!is_f32(p)) return "the types are not f32";
  if (p.batches() != 1) return "the batch is not one matrix";
  if (p.y_n != 1 && p.n > 1) return "the output's rows are not contiguous";
  if (p.a_k != 1 && p.k > 1) return "the input's rows are not contiguous";
  if (p.k == 0 || p.n == 0) return "there is nothing to sum";
  if (p.k > INT32_MAX || p.n > INT32_MAX) return "the weights are beyond 32-bit positions";
  return "";
}

std::vector<Candidate> coded_candidates(const CodedWeight& weight, const ProductQuery& query,
                                        const std::string& refusal, const Machine& machine) {
  Candidate gapped{"gapped", gapped_cycles(query, weight.density, weight.gapped_code, machine),
                   refusal.empty() ? weight.no_gapped : refusal};
  Candidate coded{"coded", coded_cycles(query, weight.coded_code, machine),
                  refusal.empty() ? weight.no_coded : refusal};
  Candidate windowed{"windowed",
                     windowed_cycles(query, weight.density, weight.gapped_code, machine),
                     refusal.empty() ? weight.no_windowed : refusal};
  return {gapped, coded, windowed};
}

Candidate blocks_candidate(const MatmulProblem& p, const BlockWeight& weight,
                           const std::string& refusal, const Machine& machine) {
  const double weights = static_cast<double>(weight.blocks * blocks::kBlock);
  return {"blocks", block_cycles(query_of(p), weights, weight.block_outputs, machine),
          refusal.empty() ? weight.refusal : refusal};
}

Candidate naive_candidate(const MatmulProblem& p) {
  const double macs = static_cast<double>(p.batches() * p.m * p.k) * static_cast<double>(p.n);
  return {"naive", macs, ""};
}

}  // namespace

int64_t MatmulProblem::batches() const {
  int64_t count = 1;
  for (int d = 0; d < batch_rank; ++d) count *= batch[d].size;
  return count;
}

MatmulProblem::Offsets MatmulProblem::offsets(int64_t number) const {
  Offsets at;
  for (int d = batch_rank - 1; d >= 0; --d) {
    const int64_t i = number % batch[d].size;
    number /= batch[d].size;
    at.a += i * batch[d].a;
    at.b += i * batch[d].b;
    at.y += i * batch[d].y;
    at.residual += i * batch[d].residual;
  }
  return at;
}

int64_t MatmulProblem::rhs_count() const {
  int64_t count = 1;
  for (int d = 0; d < batch_rank; ++d) {
    if (batch[d].b != 0) count *= batch[d].size;
  }
  return count;
}

int64_t MatmulProblem::rhs_number(int64_t number) const {
  int64_t rhs = 0, scale = 1;
  for (int d = batch_rank - 1; d >= 0; --d) {
    if (batch[d].b != 0) {
      rhs += number % batch[d].size * scale;
      scale *= batch[d].size;
    }
    number /= batch[d].size;
  }
  return rhs;
}

int64_t MatmulProblem::rhs_offset(int64_t rhs) const {
  int64_t offset = 0;
  for (int d = batch_rank - 1; d >= 0; --d) {
    if (batch[d].b == 0) continue;
    offset += rhs % batch[d].size * batch[d].b;
    rhs /= batch[d].size;
  }
  return offset;
}

MatmulProblem matmul_problem(const Program& program, const Step& step, bool may_copy_residual) {
  const Attributes attributes(step);
  MatmulProblem p;
  p.a = input(program, step, 0);
  p.y = output(program, step, 0);
  p.residual = input(program, step, 3, false);
  p.alpha = static_cast<float>(attributes.real("alpha", 1));
  p.activation = attributes.activation();
  if (!step.weights.empty()) p.weight = step.weights[0];
  if (!p.weight) p.b = input(program, step, 1);
  read_sizes(step, &p, attributes.flag("trans_b", false));
  read_residual(step, may_copy_residual, &p);
  read_batch(step, &p);
  join_batch(&p);
  p.bias = bias_of(program, step, 1, 2, p.n);
  return p;
}

namespace {

/// Of the forms that can be made, those that take over a third more memory than the smallest.
void refuse_larger(const CodedWeight& weight, std::vector<Candidate>* all) {
  const double entries =
      weight.density * static_cast<double>(weight.outputs) * static_cast<double>(weight.inputs);
  const int64_t bytes[] = {
      codebook::gapped_bytes(static_cast<int64_t>(entries), weight.gapped_code),
      codebook::coded_bytes(weight.outputs, weight.inputs, weight.coded_code),
      codebook::windowed_bytes(weight.outputs, weight.inputs, weight.density, weight.gapped_code)};
  int64_t least = INT64_MAX;
  for (size_t i = 0; i < all->size(); ++i) {
    if ((*all)[i].refusal.empty()) least = std::min(least, bytes[i]);
  }
  for (size_t i = 0; i < all->size(); ++i) {
    Candidate& c = (*all)[i];
    if (c.refusal.empty() && 3 * bytes[i] > 4 * least) c.refusal = "it takes more memory";
  }
}

/// A right-hand side that is a weight, as the codebook and blocks rooms see it.
struct StoredWeight {
  CodedWeight coded;
  BlockWeight blocks;
};

/// The candidates that keep the weight's form.
std::vector<Candidate> compressed_candidates(const MatmulProblem& p, const StoredWeight& weight,
                                             const PrepareContext& context) {
  const Machine machine = machine_of(context.features());
  const std::string refusal = coded_refusal(p, context.weights());
  ProductQuery query = query_of(p);
  // Whatever the batch, one form, so that plans share what one of them packed.
  const bool compressed = context.weights() == WeightPolicy::compressed;
  if (compressed && p.weight->form != WeightForm::dense) query.m = 1;
  std::vector<Candidate> all = coded_candidates(weight.coded, query, refusal, machine);
  if (compressed) refuse_larger(weight.coded, &all);
  if (p.weight->form == WeightForm::block_sparse) {
    all.push_back(blocks_candidate(p, weight.blocks, refusal, machine));
  }
  return all;
}

/// Those first, where the right-hand side is a weight.
std::vector<Candidate> candidates_of(const MatmulProblem& p, const StoredWeight* weight,
                                     const PrepareContext& context) {
  std::vector<Candidate> all;
  bool keeps_form = false;  // a compressed form could stay
  if (weight) {
    all = compressed_candidates(p, *weight, context);
    for (const Candidate& c : all) keeps_form |= c.refusal.empty();
    keeps_form &= p.weight->form != WeightForm::dense;
  }
  const Machine machine = machine_of(context.features());
  for (Candidate& c : std::vector{gemm_candidate(p, machine), naive_candidate(p)}) {
    if (keeps_form && context.weights() == WeightPolicy::compressed) {
      c.refusal = "the weights would be decoded";
    }
    all.push_back(std::move(c));
  }
  return all;
}

std::unique_ptr<Operator> make(const std::string& algorithm, const Program& program,
                               const Step& step, const MatmulProblem& problem,
                               const StoredWeight* weight, PrepareContext& context) {
  if (algorithm == "gemm") return make_gemm_matmul(problem, context);
  if (algorithm == "naive") return make_naive_matmul(step, matmul_problem(program, step, false));
  if (algorithm == "blocks") return make_block_matmul(problem, weight->blocks, context);
  const auto form = algorithm == "gapped"  ? codebook::Form::gapped
                    : algorithm == "coded" ? codebook::Form::coded
                                           : codebook::Form::windowed;
  return make_coded_matmul(problem, form, weight->coded, context);
}

}  // namespace

std::unique_ptr<Operator> prepare_matmul(const Program& program, const Step& step,
                                         PrepareContext& context) {
  const MatmulProblem problem = matmul_problem(program, step, true);
  std::optional<StoredWeight> stored;
  if (problem.weight) {
    const bool transposed = Attributes(step).flag("trans_b", false);
    stored.emplace(coded_weight(*problem.weight, transposed),
                   block_weight(*problem.weight, transposed));
  }
  const StoredWeight* weight = stored ? &*stored : nullptr;
  const Choice choice = choose(candidates_of(problem, weight, context), context.forced(step));
  if (choice.forced) context.applied(choice.algorithm);
  auto op = make(choice.algorithm, program, step, problem, weight, context);
  StepReport& report = op->report();
  if (report.macs == 0) report.macs = problem.batches() * problem.m * problem.n * problem.k;
  if (problem.weight && report.weights == 0) report.weights = problem.n * problem.k;
  report.slow = choice.algorithm == "naive" && report.macs > kMuchWork;
  choice.tell(report);
  return op;
}

}  // namespace fi::plan
