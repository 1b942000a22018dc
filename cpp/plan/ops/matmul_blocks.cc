// y(m, n) = activation(alpha * sum_k a(m, k) * w(n, k) + bias(n) + residual(m, n)) by a weight of
// stored blocks.
#include "parallel/pool.h"
#include "plan/ops/blocks.h"
#include "plan/ops/split.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

class BlockMatmul final : public Operator {
 public:
  BlockMatmul(const MatmulProblem& problem, const BlockWeight& weight, PrepareContext& context)
      : p_(problem),
        residual_(problem.copies_residual ? Contiguous(problem.residual, context)
                                          : Contiguous::as_is(problem.residual)),
        w_(packed_blocks(problem.weight, weight, problem.m, problem.alpha, context)) {
    p_.weight.reset();  // its memory may go
    report_.algorithm = "blocks";
    report_.kernel = w_.kernel->info.name;
    report_.weights = w_.matrix.blocks * blocks::kBlock;
    report_.macs = p_.m * report_.weights;
  }

  void run(const RunContext& context, const RowRange&) const override {
    if (p_.m * p_.n == 0) return;
    residual_.copy_at_run(context);
    blocks::Product product{};
    product.w = w_.matrix;
    product.x = p_.a.as<float>(context);
    product.x_stride = p_.a_m;
    product.y = p_.y.as<float>(context);
    product.y_stride = p_.y_m;
    product.bias = p_.bias.at(context);
    if (residual_.present()) product.residual = residual_.at(context);
    product.residual_stride = p_.residual_m;
    product.activation = p_.activation;
    const Grid grid = split_grid(p_.m, w_.matrix.groups, w_.kernel->most, 1, context.threads, 1, 0);
    parallel_for(context.threads, grid.tasks(), [&](int worker, int64_t task) {
      const int64_t column = task % grid.columns.parts, row = task / grid.columns.parts;
      blocks::run(*w_.kernel, product, grid.rows.begin(row), grid.rows.end(row),
                  grid.columns.begin(column), grid.columns.end(column), context.scratch[worker]);
    });
  }

  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(blocks::scratch_bytes(*w_.kernel, w_.matrix.inputs));
  }

 private:
  MatmulProblem p_;
  Contiguous residual_;
  const PackedBlocks w_;
};

}  // namespace

std::unique_ptr<Operator> make_block_matmul(const MatmulProblem& problem, const BlockWeight& weight,
                                            PrepareContext& context) {
  return std::make_unique<BlockMatmul>(problem, weight, context);
}

}  // namespace fi::plan
