// Convolution as a product over output pixels: dst(pixel, o) = lhs(pixel, (tap, i)) * filter((tap,
// i), o).
#include <algorithm>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "kernels/gemm/gemm.h"
#include "kernels/im2col/im2col.h"
#include "parallel/pool.h"
#include "plan/ops/conv.h"
#include "plan/ops/conv_filter.h"
#include "plan/ops/pixels.h"
#include "plan/ops/split.h"

namespace fi::plan {
namespace {

constexpr int64_t kFloat = sizeof(float);
// Bytes of lowered rows that im2col keeps in scratch: half of a small L2.
constexpr int64_t kLoweredBytes = 128 << 10;

const char* algorithm_name(LhsSource source) {
  switch (source) {
    case LhsSource::pointwise:
      return "pointwise";
    case LhsSource::indirect:
      return "indirect";
    case LhsSource::im2col:
      return "im2col";
  }
  return "";
}

// Offsets of the rows of a run of pixels that does not start at the first.
struct ShiftedFill {
  im2col::Lowering lowering;
  int64_t first;

  static void fill(const void* context, int64_t m, int rows, int mr, int32_t* out) {
    const auto* self = static_cast<const ShiftedFill*>(context);
    im2col::fill_offsets(&self->lowering, self->first + m, rows, mr, out);
  }
};

gemm::LhsForm form_of(const ConvProblem& p, LhsSource source) {
  if (source == LhsSource::indirect) return gemm::LhsForm::offsets;
  return p.places.empty() ? gemm::LhsForm::strided : gemm::LhsForm::mapped;
}

const gemm::Kernel& gemm_row(const ConvProblem& p, LhsSource source, FeatureMask features) {
  const gemm::Kernel* row = gemm::best_row(
      features, form_of(p, source), std::max<int64_t>(1, p.pixels()), p.group_outputs(), p.k());
  if (!row) throw Error(ErrorKind::unsupported, "no gemm kernel is usable here");
  return *row;
}

class GemmConvolution final : public Operator {
 public:
  GemmConvolution(LhsSource source, const ConvProblem& problem, const Filter& filter,
                  PrepareContext& context)
      : source_(source),
        p_(problem),
        kernel_(gemm_row(problem, source, context.features())),
        lower_(source == LhsSource::im2col ? im2col::best_row(context.features()) : nullptr),
        filter_(kernel_, problem, filter, context),
        pad_(align_up(p_.group_inputs() * kFloat)) {
    std::fill_n(pad_.as<float>(), p_.group_inputs(), 0.0f);
    const int64_t row_bytes = std::max<int64_t>(1, p_.k()) * kFloat;
    lowered_rows_ = std::max<int64_t>(1, kLoweredBytes / (row_bytes * kernel_.mr)) * kernel_.mr;
    blocking_ = gemm::choose_blocking(product_shape());
    gemm_scratch_ = align_up(static_cast<int64_t>(gemm::scratch_bytes(product_shape(), blocking_)));
    const bool pointwise = source == LhsSource::pointwise;
    rows_join_ = rows_join(p_.y.image) &&
                 (!p_.residual.present() || rows_join(p_.residual.image)) &&
                 (!pointwise || rows_join(p_.x.image));
    images_join_ = images_join(p_.y.image) &&
                   (!p_.residual.present() || images_join(p_.residual.image)) &&
                   (!pointwise || images_join(p_.x.image));
    report_.algorithm = algorithm_name(source);
    report_.kernel = kernel_.info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    const PixelRuns runs(rows, p_.y.image.height, p_.y.image.width, rows_join_, images_join_);
    if (runs.count() == 0 || p_.y.image.channels == 0) return;
    filter_.pack_at_run(context);
    // Columns of all groups side by side, in whole panels: threads share out pixels before groups,
    // so that each finds what it made of a layer in the next one.
    const int64_t panels = (p_.group_outputs() + kernel_.nr - 1) / kernel_.nr * kernel_.nr;
    const Grid grid =
        split_grid(runs.pixels(), p_.groups * panels, kernel_.mr, kernel_.nr, context.threads,
                   runs.count(), lower_ ? 0 : p_.k() * p_.y.image.channels * kFloat);
    parallel_for(context.threads, runs.count() * grid.tasks(), [&](int worker, int64_t task) {
      const Grid::Part part = grid.part(task % grid.tasks());
      const Block block{runs.run(task / grid.tasks()), part.m_begin, part.m_end};
      run_columns(context, block, panels, part.n_begin, part.n_end, context.scratch[worker]);
    });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(p_.window, p_.x.image.height, begin, end);
  }
  bool striped() const override { return filter_.constant(); }
  int64_t scratch_bytes() const override {
    return gemm_scratch_ + (lower_ ? align_up(lowered_rows_ * p_.k() * kFloat) : 0);
  }

 private:
  // Rows of the products over one run of pixels.
  struct Block {
    PixelRun run;
    int64_t m_begin, m_end;
  };
  // Columns of one group's product.
  struct Part : Block {
    int64_t group, n_begin, n_end;
  };

  // All but addresses.
  gemm::Product product_shape() const {
    gemm::Product product{};
    product.kernel = &kernel_;
    product.m = std::max<int64_t>(1, p_.pixels());
    product.n = p_.group_outputs();
    product.k_tap = p_.k();
    product.form = form_of(p_, source_);
    product.lhs_row_stride = (lower_ ? p_.k() : pixel_pitch(p_.x.image)) * kFloat;
    product.dst_stride = pixel_pitch(p_.y.image) * kFloat;
    product.epilogue.activation = p_.activation;
    if (p_.residual.present()) {
      product.epilogue.residual_stride = pixel_pitch(p_.residual.image) * kFloat;
    }
    if (source_ == LhsSource::indirect) {
      product.taps = static_cast<int32_t>(p_.window.taps());
      product.k_tap = p_.group_inputs();
      product.fill = &ShiftedFill::fill;
      product.pad = pad_.data();
    }
    return product;
  }

  im2col::Lowering lowering(const RunContext& context, int64_t group) const {
    im2col::Lowering lowering{p_.x.at<const float>(context), p_.window, p_.y.image.height,
                              p_.y.image.width};
    lowering.input.data += group * p_.group_inputs();
    lowering.input.channels = p_.group_inputs();
    return lowering;
  }

  // Columns [begin, end) of all groups' products, of which each has `panels`.
  void run_columns(const RunContext& context, const Block& block, int64_t panels, int64_t begin,
                   int64_t end, char* scratch) const {
    for (int64_t n = begin; n < end;) {
      const int64_t group = n / panels, first = group * panels;
      const int64_t last = std::min(end, first + panels);
      run_part(context, {block, group, n - first, std::min(last - first, p_.group_outputs())},
               scratch);
      n = last;
    }
  }

  void run_part(const RunContext& context, const Part& part, char* scratch) const {
    const int64_t outputs = part.group * p_.group_outputs();
    gemm::Product product = product_shape();
    product.m = part.run.pixels;
    product.rhs = filter_.group(context, part.group);
    if (part.group + 1 < p_.groups) {
      product.next_rhs = static_cast<const char*>(filter_.group(context, part.group + 1));
    }
    product.dst = p_.y.at<float>(context).pixel(part.run.image, part.run.row, 0) + outputs;
    if (p_.residual.present()) {
      product.epilogue.residual =
          p_.residual.at<const float>(context).pixel(part.run.image, part.run.row, 0) + outputs;
    }
    if (p_.bias.present()) product.epilogue.bias = p_.bias.at(context) + outputs;
    const int64_t first = (part.run.image * p_.y.image.height + part.run.row) * p_.y.image.width;
    const ShiftedFill fill{lowering(context, part.group), first};
    switch (source_) {
      case LhsSource::pointwise:
        if (!p_.places.empty()) return run_mapped(context, product, part, scratch);
        product.lhs = fill.lowering.input.pixel(part.run.image, part.run.row, 0);
        break;
      case LhsSource::indirect:
        product.lhs = fill.lowering.input.data;
        product.fill_context = &fill;
        break;
      case LhsSource::im2col:
        return run_lowered(product, fill, part, scratch);
    }
    gemm::run(product, blocking_, part.m_begin, part.m_end, part.n_begin, part.n_end, scratch);
  }

  void run_mapped(const RunContext& context, gemm::Product product, const Part& part,
                  char* scratch) const {
    product.lhs = p_.x.at<const float>(context).pixel(part.run.image, part.run.row, 0);
    product.k_map = p_.places.data() + part.group * p_.group_inputs();
    gemm::run(product, blocking_, part.m_begin, part.m_end, part.n_begin, part.n_end, scratch);
  }

  // Block by block: some rows of the lowered matrix in scratch, then their product.
  void run_lowered(gemm::Product product, const ShiftedFill& fill, const Part& part,
                   char* scratch) const {
    float* lowered = reinterpret_cast<float*>(scratch + gemm_scratch_);
    char* const dst = static_cast<char*>(product.dst);
    const char* const residual = static_cast<const char*>(product.epilogue.residual);
    product.lhs = lowered;
    for (int64_t m = part.m_begin; m < part.m_end; m += lowered_rows_) {
      const int64_t rows = std::min(lowered_rows_, part.m_end - m);
      lower_->run(fill.lowering, fill.first + m, fill.first + m + rows, lowered, p_.k());
      product.m = rows;
      product.dst = dst + m * product.dst_stride;
      if (residual) product.epilogue.residual = residual + m * product.epilogue.residual_stride;
      gemm::run(product, blocking_, 0, rows, part.n_begin, part.n_end, scratch);
    }
  }

  const LhsSource source_;
  const ConvProblem p_;
  const gemm::Kernel& kernel_;
  const im2col::Kernel* const lower_;  // im2col only
  const PackedFilter filter_;
  const AlignedBuffer pad_;  // zeros: what padding holds
  int64_t lowered_rows_ = 0, gemm_scratch_ = 0;
  gemm::Blocking blocking_{};
  bool rows_join_ = false, images_join_ = false;
};

}  // namespace

std::unique_ptr<Operator> make_gemm_convolution(LhsSource source, const ConvProblem& problem,
                                                const Filter& filter, PrepareContext& context) {
  return std::make_unique<GemmConvolution>(source, problem, filter, context);
}

}  // namespace fi::plan
