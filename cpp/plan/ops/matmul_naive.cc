#include <type_traits>

#include "base/activation.h"
#include "base/error.h"
#include "plan/ops/matmul.h"
#include "plan/ops/rows.h"

namespace fi::plan {
namespace {

// Floats are summed in f64; integers wrap.
template <class T>
class NaiveMatmul final : public Operator {
 public:
  explicit NaiveMatmul(const MatmulProblem& problem) : p_(problem) {
    if (p_.weight) weight_ = decoded(p_.weight);
    report_.algorithm = "naive";
    report_.kernel = "matmul";
  }

  void run(const RunContext& context, const RowRange&) const override {
    for_each_range(context, p_.batches() * p_.m, [&](int, int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) run_row(context, row / p_.m, row % p_.m);
    });
  }

 private:
  using Sum = std::conditional_t<
      std::is_floating_point_v<T>, double,
      std::make_unsigned_t<std::conditional_t<std::is_floating_point_v<T>, int, T>>>;

  const T* rhs(const RunContext& context) const {
    if constexpr (std::is_same_v<T, float>) {
      if (weight_) return weight_.get();
    }
    return p_.b.as<T>(context);
  }

  void run_row(const RunContext& context, int64_t batch, int64_t m) const {
    const MatmulProblem::Offsets at = p_.offsets(batch);
    const T* a = p_.a.as<T>(context) + at.a + m * p_.a_m;
    const T* b = rhs(context) + at.b;
    T* y = p_.y.as<T>(context) + at.y + m * p_.y_m;
    for (int64_t n = 0; n < p_.n; ++n) {
      Sum sum = 0;
      for (int64_t k = 0; k < p_.k; ++k) {
        sum += static_cast<Sum>(a[k * p_.a_k]) * static_cast<Sum>(b[k * p_.b_k + n * p_.b_n]);
      }
      if constexpr (std::is_floating_point_v<T>) {
        sum *= static_cast<double>(p_.alpha);
        if (p_.bias.present()) sum += static_cast<double>(p_.bias.at(context)[n]);
      }
      if (p_.residual.present()) sum += static_cast<Sum>(residual(context, at, m, n));
      if constexpr (std::is_floating_point_v<T>) {
        if (p_.activation.kind != ActivationKind::none) {
          sum = reference_activation(p_.activation, sum);
        }
      }
      y[n * p_.y_n] = static_cast<T>(sum);
    }
  }

  // In the view's own strides: here nothing is copied.
  T residual(const RunContext& context, const MatmulProblem::Offsets& at, int64_t m,
             int64_t n) const {
    return p_.residual.as<T>(context)[at.residual + m * p_.residual_m + n * p_.residual_n];
  }

  const MatmulProblem p_;
  std::shared_ptr<const float> weight_;
};

}  // namespace

std::unique_ptr<Operator> make_naive_matmul(const Step& step, const MatmulProblem& p) {
  const DType type = p.y.view.dtype;
  require(p.a.view.dtype == type && (p.weight ? type == DType::f32 : p.b.view.dtype == type), step,
          ErrorKind::dtype, "a, b and y differ in type");
  const bool real = type == DType::f32 || type == DType::f64;
  require(real || (p.alpha == 1 && p.activation.kind == ActivationKind::none && !p.bias.present()),
          step, ErrorKind::unsupported, "alpha, bias and activation need real numbers");
  switch (type) {
    case DType::f32:
      return std::make_unique<NaiveMatmul<float>>(p);
    case DType::f64:
      return std::make_unique<NaiveMatmul<double>>(p);
    case DType::s32:
      return std::make_unique<NaiveMatmul<int32_t>>(p);
    case DType::u32:
      return std::make_unique<NaiveMatmul<uint32_t>>(p);
    case DType::s64:
      return std::make_unique<NaiveMatmul<int64_t>>(p);
    case DType::u64:
      return std::make_unique<NaiveMatmul<uint64_t>>(p);
    default:
      throw Error(ErrorKind::dtype, step.name, "", std::string("matmul of ") + name_of(type));
  }
}

}  // namespace fi::plan
