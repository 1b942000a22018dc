// Means of rows behind a convolution that does not make them in passing.
#include <utility>

#include "kernels/pool/pool.h"
#include "plan/ops/conv.h"
#include "plan/ops/rows.h"

namespace fi::plan {
namespace {

class RowMeans final : public Operator {
 public:
  RowMeans(std::unique_ptr<Operator> convolution, const ConvProblem& problem,
           PrepareContext& context)
      : convolution_(std::move(convolution)),
        y_(problem.y),
        means_(problem.means),
        kernel_(*pool::find(pool::PoolKind::average, context.features())) {
    pool_.kind = pool::PoolKind::average;
    pool_.window.kernel_h = 1;
    pool_.window.kernel_w = static_cast<int32_t>(y_.image.width);
    report_ = convolution_->report();
    report_.why += ", read once more by " + std::string(kernel_.info.name);
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    convolution_->run(context, rows);
    const auto y = y_.at<const float>(context);
    const auto means = means_.at<float>(context);
    for_each_rows(context, rows,
                  [&](int, const RowRange& part) { pool::run(kernel_, pool_, y, means, part); });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return convolution_->input_rows(begin, end);
  }
  bool striped() const override { return convolution_->striped(); }
  int64_t scratch_bytes() const override { return convolution_->scratch_bytes(); }

 private:
  const std::unique_ptr<Operator> convolution_;
  const ImageOperand y_, means_;
  const pool::Kernel& kernel_;
  pool::Pool2d pool_;
};

}  // namespace

std::unique_ptr<Operator> add_row_means(std::unique_ptr<Operator> convolution,
                                        const ConvProblem& problem, PrepareContext& context) {
  return std::make_unique<RowMeans>(std::move(convolution), problem, context);
}

}  // namespace fi::plan
