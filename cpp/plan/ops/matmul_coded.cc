// y(m, n) = activation(alpha * sum_k a(m, k) * w(n, k) + bias(n) + residual(m, n)) from a weight
// that stays coded.
#include "kernels/codebook/pack.h"
#include "plan/ops/matmul.h"
#include "plan/ops/rows.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

using codebook::Form;

class CodedMatmul final : public Operator {
 public:
  CodedMatmul(const MatmulProblem& problem, Form form, const CodedWeight& weight,
              PrepareContext& context)
      : p_(problem),
        residual_(problem.copies_residual ? Contiguous(problem.residual, context)
                                          : Contiguous::as_is(problem.residual)),
        scale_(output_scale(weight, problem.alpha)) {
    const bool coded = form == Form::coded;
    const std::string name = coded ? "coded" : form == Form::gapped ? "gapped" : "windowed";
    kernel_ = codebook::best_row(context.features(), form,
                                 coded ? weight.coded_code : weight.gapped_code);
    if (!kernel_) throw Error(ErrorKind::unsupported, "no codebook kernel is usable here");
    const std::string format = name + " " + std::to_string(kernel_->group_outputs) +
                               (weight.transposed ? " rows" : " columns");
    packed_ = context.packed(p_.weight, format, [&] {
      return coded                  ? pack_coded(weight, kernel_->group_outputs)
             : form == Form::gapped ? pack_gapped(weight)
                                    : pack_windowed(weight);
    });
    matrix_ = codebook::matrix_of(*packed_);
    p_.weight.reset();  // its memory may go
    report_.algorithm = name;
    report_.kernel = kernel_->info.name;
    report_.weights = matrix_.entries;
    report_.macs = p_.m * report_.weights;
  }

  void run(const RunContext& context, const RowRange&) const override {
    if (p_.m * p_.n == 0) return;
    residual_.copy_at_run(context);
    codebook::Product product{};
    product.w = matrix_;
    product.m = p_.m;
    product.x = p_.a.as<float>(context);
    product.x_stride = p_.a_m;
    product.y = p_.y.as<float>(context);
    product.y_stride = p_.y_m;
    product.scale = scale_.empty() ? nullptr : scale_.data();
    product.bias = p_.bias.at(context);
    if (residual_.present()) product.residual = residual_.at(context);
    product.residual_stride = p_.residual_m;
    product.activation = p_.activation;
    for_each_range(context, matrix_.groups, [&](int, int64_t begin, int64_t end) {
      codebook::run(*kernel_, product, begin, end);
    });
  }

 private:
  MatmulProblem p_;
  Contiguous residual_;
  std::vector<float> scale_;
  const codebook::Kernel* kernel_;
  PackedPtr packed_;
  codebook::Matrix matrix_{};
};

}  // namespace

std::unique_ptr<Operator> make_coded_matmul(const MatmulProblem& problem, Form form,
                                            const CodedWeight& weight, PrepareContext& context) {
  return std::make_unique<CodedMatmul>(problem, form, weight, context);
}

}  // namespace fi::plan
