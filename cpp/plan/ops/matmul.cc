// y(.., m, n) = activation(alpha * sum_k a(.., m, k) * b(.., k, n) + bias(n) + residual(.., m, n))
// over f32 views.
#include "plan/ops/matmul.h"

#include <algorithm>

#include "base/buffer.h"
#include "base/error.h"
#include "kernels/gemm/gemm.h"
#include "parallel/pool.h"
#include "plan/attributes.h"
#include "plan/ops/conv.h"
#include "plan/ops/rows.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

constexpr int64_t kFloat = sizeof(float);

class GemmMatmul final : public Operator {
 public:
  GemmMatmul(const MatmulProblem& problem, PrepareContext& context)
      : p_(problem),
        residual_(problem.copies_residual ? Contiguous(problem.residual, context)
                                          : Contiguous::as_is(problem.residual)) {
    const bool strided = p_.a_k == 1 || p_.k == 1;
    kernel_ =
        gemm::best_row(context.features(), strided ? gemm::LhsForm::strided : gemm::LhsForm::packed,
                       std::max<int64_t>(1, p_.m), p_.n, p_.k);
    if (!kernel_) throw Error(ErrorKind::unsupported, "no gemm kernel is usable here");
    form_ = strided ? gemm::LhsForm::strided : gemm::LhsForm::packed;
    rhs_bytes_ = align_up(static_cast<int64_t>(kernel_->packed_rhs_bytes(p_.k, p_.n)));
    if (p_.weight) {
      pack_weight(context);
    } else {
      workspace_ = context.workspace(p_.rhs_count() * rhs_bytes_);
    }
    blocking_ = gemm::choose_blocking(product());
    scratch_ = static_cast<int64_t>(gemm::scratch_bytes(product(), blocking_));
    report_.algorithm = "gemm";
    report_.kernel = kernel_->info.name;
  }

  void run(const RunContext& context, const RowRange&) const override {
    if (p_.batches() * p_.m * p_.n == 0) return;
    residual_.copy_at_run(context);
    if (!p_.weight) pack_operand(context);
    const Grid grid =
        split_grid(p_.m, p_.n, kernel_->mr, kernel_->nr, context.threads, p_.batches(), rhs_bytes_);
    parallel_for(context.threads, p_.batches() * grid.tasks(), [&](int worker, int64_t task) {
      const Grid::Part part = grid.part(task % grid.tasks());
      gemm::run(batch_product(context, task / grid.tasks()), blocking_, part.m_begin, part.m_end,
                part.n_begin, part.n_end, context.scratch[worker]);
    });
  }

  int64_t scratch_bytes() const override { return scratch_; }

 private:
  // All but addresses.
  gemm::Product product() const {
    gemm::Product product{};
    product.kernel = kernel_;
    product.m = std::max<int64_t>(1, p_.m);
    product.n = p_.n;
    product.k_tap = p_.k;
    product.form = form_;
    product.lhs_row_stride = p_.a_m * kFloat;
    product.lhs_k_stride = p_.a_k * kFloat;
    product.dst_stride = p_.y_m * kFloat;
    product.epilogue.residual_stride = p_.residual_m * kFloat;
    product.epilogue.activation = p_.activation;
    return product;
  }

  gemm::Product batch_product(const RunContext& context, int64_t batch) const {
    const MatmulProblem::Offsets at = p_.offsets(batch);
    gemm::Product part = product();
    part.lhs = p_.a.as<float>(context) + at.a;
    part.rhs = p_.weight ? packed_->data()
                         : context.buffers[workspace_] + p_.rhs_number(batch) * rhs_bytes_;
    part.dst = p_.y.as<float>(context) + at.y;
    if (residual_.present()) part.epilogue.residual = residual_.at(context) + at.residual;
    part.epilogue.bias = p_.bias.at(context);
    return part;
  }

  void pack_weight(PrepareContext& context) {
    std::string format = std::string(kernel_->info.name) + "/" + std::to_string(p_.k) + "x" +
                         std::to_string(p_.n) + ":" + std::to_string(p_.b_k);
    if (p_.alpha != 1) format += "*" + std::to_string(f32_bits(p_.alpha));
    const int threads = context.threads();
    packed_ = context.packed(p_.weight, format, rhs_bytes_,
                             [&](char* out) { pack(decoded(p_.weight).get(), out, 1, threads); });
  }

  // Packed f32 panels hold the elements and zeros, so alpha may multiply them as they lie.
  void scale(char* packed, int64_t bytes) const {
    if (p_.alpha == 1) return;
    float* values = reinterpret_cast<float*>(packed);
    for (int64_t i = 0; i < bytes / kFloat; ++i) values[i] *= p_.alpha;
  }

  void pack_operand(const RunContext& context) const {
    pack(p_.b.as<float>(context), context.buffers[workspace_], p_.rhs_count(), context.threads);
  }

  // Matrices one by one, each by whole panels.
  void pack(const float* b, char* out, int64_t matrices, int threads) const {
    const Split panels = split(p_.n, kernel_->nr, threads <= 1 ? 1 : kTasksPerThread * threads);
    parallel_for(threads, matrices * panels.parts, [&](int, int64_t task) {
      const int64_t matrix = task / panels.parts, part = task % panels.parts;
      const int64_t first = panels.begin(part), columns = panels.end(part) - first;
      const float* from = b + p_.rhs_offset(matrix) + first * p_.b_n;
      char* to = out + matrix * rhs_bytes_ + kernel_->packed_rhs_bytes(p_.k, first);
      kernel_->pack_rhs({from, p_.k, columns, p_.b_k, p_.b_n}, to);
      scale(to, static_cast<int64_t>(kernel_->packed_rhs_bytes(p_.k, columns)));
    });
  }

  static uint32_t f32_bits(float x) {
    uint32_t bits;
    __builtin_memcpy(&bits, &x, sizeof bits);
    return bits;
  }

  MatmulProblem p_;
  Contiguous residual_;
  const gemm::Kernel* kernel_;
  gemm::LhsForm form_;
  PackedPtr packed_;    // of a weight
  int workspace_ = -1;  // of an operand
  int64_t rhs_bytes_ = 0, scratch_ = 0;
  gemm::Blocking blocking_{};
};

}  // namespace

std::unique_ptr<Operator> make_gemm_matmul(const MatmulProblem& problem, PrepareContext& context) {
  return std::make_unique<GemmMatmul>(problem, context);
}

}  // namespace fi::plan
