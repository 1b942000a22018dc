// Convolution by MEC: a strip of the input lowered in one direction, then one product over all of
// the strip's output pixels.
#include <algorithm>

#include "base/error.h"
#include "kernels/gemm/gemm.h"
#include "kernels/im2col/mec.h"
#include "parallel/pool.h"
#include "plan/ops/conv.h"
#include "plan/ops/conv_filter.h"
#include "plan/ops/pixels.h"
#include "plan/ops/split.h"

namespace fi::plan {
namespace {

constexpr int64_t kFloat = sizeof(float);
// Bytes of a strip's matrix: it is read once for every panel of outputs, and shares L2 with them.
constexpr int64_t kStripBytes = 512 << 10;

// Output pixels of a strip from `first` on.
struct ShiftedFill {
  const im2col::Strip* strip;
  int64_t first;

  static void fill(const void* context, int64_t m, int rows, int mr, int32_t* out) {
    const auto* self = static_cast<const ShiftedFill*>(context);
    im2col::fill_strip_offsets(self->strip, self->first + m, rows, mr, out);
  }
};

const gemm::Kernel& gemm_row(const ConvProblem& p, FeatureMask features) {
  const gemm::Kernel* row = gemm::best_row(
      features, gemm::LhsForm::offsets, std::max<int64_t>(1, p.pixels()), p.group_outputs(), p.k());
  if (!row) throw Error(ErrorKind::unsupported, "no gemm kernel is usable here");
  return *row;
}

class MecConvolution final : public Operator {
 public:
  MecConvolution(const ConvProblem& problem, const Filter& filter, PrepareContext& context)
      : p_(problem),
        kernel_(gemm_row(problem, context.features())),
        lower_(*im2col::best_row(context.features())),
        filter_(kernel_, problem, filter, context),
        joined_(rows_join(p_.y.image) && (!p_.residual.present() || rows_join(p_.residual.image))) {
    im2col::Strip strip{lowering(p_.x.image, 0), 0, 0, 1};
    while (strip.end < p_.y.image.height) {
      ++strip.end;
      if (strip.floats() * kFloat > kStripBytes) break;
      strip_rows_ = strip.end;
    }
    strip.end = strip_rows_;
    strip_bytes_ = align_up(strip.floats() * kFloat);
    gemm::Product product = product_of(strip);
    product.m = std::max<int64_t>(1, product.m);
    blocking_ = gemm::choose_blocking(product);
    gemm_scratch_ = align_up(static_cast<int64_t>(gemm::scratch_bytes(product, blocking_)));
    report_.algorithm = "mec";
    report_.kernel = kernel_.info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    const int64_t images = rows.batch_end - rows.batch_begin, lines = rows.end - rows.begin;
    if (images <= 0 || lines <= 0 || p_.pixels() * p_.y.image.channels == 0) return;
    filter_.pack_at_run(context);
    const int64_t threads = std::max(1, context.threads);
    const int64_t wanted = (lines + strip_rows_ - 1) / strip_rows_;
    const Split strips = split(lines, 1, std::max(wanted, threads > 1 ? 2 * threads : 1));
    parallel_for(context.threads, images * p_.groups * strips.parts, [&](int worker, int64_t task) {
      const int64_t part = task % strips.parts, group = task / strips.parts % p_.groups;
      const im2col::Strip strip{lowering(p_.x.at<const float>(context), group),
                                rows.batch_begin + task / strips.parts / p_.groups,
                                rows.begin + strips.begin(part), rows.begin + strips.end(part)};
      run_strip(context, strip, group, context.scratch[worker]);
    });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(p_.window, p_.x.image.height, begin, end);
  }
  bool striped() const override { return filter_.constant(); }
  int64_t scratch_bytes() const override { return gemm_scratch_ + strip_bytes_; }

 private:
  template <class T>
  im2col::Lowering lowering(const Image<T>& x, int64_t group) const {
    im2col::Lowering lowering{{x.data, x.batch, x.height, x.width, p_.group_inputs(),
                               x.batch_stride, x.row_stride, x.pixel_stride},
                              p_.window,
                              p_.y.image.height,
                              p_.y.image.width};
    if (x.data) lowering.input.data += group * p_.group_inputs();
    return lowering;
  }

  // All but addresses.
  gemm::Product product_of(const im2col::Strip& strip) const {
    gemm::Product product{};
    product.kernel = &kernel_;
    product.m = strip.pixels();
    product.n = p_.group_outputs();
    product.taps = im2col::strip_taps(p_.window);
    product.k_tap = p_.k() / product.taps;
    product.form = gemm::LhsForm::offsets;
    product.fill = &ShiftedFill::fill;
    product.dst_stride = pixel_pitch(p_.y.image) * kFloat;
    if (p_.residual.present())
      product.epilogue.residual_stride = pixel_pitch(p_.residual.image) * kFloat;
    product.epilogue.activation = p_.activation;
    return product;
  }

  void run_strip(const RunContext& context, const im2col::Strip& strip, int64_t group,
                 char* scratch) const {
    float* const lowered = reinterpret_cast<float*>(scratch + gemm_scratch_);
    im2col::lower_strip(lower_, strip, lowered);
    const int64_t outputs = group * p_.group_outputs();
    gemm::Product product = product_of(strip);
    product.lhs = lowered;
    product.rhs = filter_.group(context, group);
    if (p_.bias.present()) product.epilogue.bias = p_.bias.at(context) + outputs;
    if (joined_) return run_rows(context, product, strip, strip.begin, strip.end, outputs, scratch);
    for (int64_t oy = strip.begin; oy < strip.end; ++oy)
      run_rows(context, product, strip, oy, oy + 1, outputs, scratch);
  }

  // Output rows [begin, end) of the strip, whose pixels are evenly spaced.
  void run_rows(const RunContext& context, gemm::Product product, const im2col::Strip& strip,
                int64_t begin, int64_t end, int64_t outputs, char* scratch) const {
    const int64_t width = p_.y.image.width;
    const ShiftedFill fill{&strip, (begin - strip.begin) * width};
    product.fill_context = &fill;
    product.m = (end - begin) * width;
    product.dst = p_.y.at<float>(context).pixel(strip.image, begin, 0) + outputs;
    if (p_.residual.present()) {
      product.epilogue.residual =
          p_.residual.at<const float>(context).pixel(strip.image, begin, 0) + outputs;
    }
    gemm::run(product, blocking_, 0, product.m, 0, product.n, scratch);
  }

  const ConvProblem p_;
  const gemm::Kernel& kernel_;
  const im2col::Kernel& lower_;
  const PackedFilter filter_;
  const bool joined_;  // pixels are evenly spaced from row to row
  int64_t strip_rows_ = 1, strip_bytes_ = 0, gemm_scratch_ = 0;
  gemm::Blocking blocking_{};
};

}  // namespace

std::unique_ptr<Operator> make_mec_convolution(const ConvProblem& problem, const Filter& filter,
                                               PrepareContext& context) {
  return std::make_unique<MecConvolution>(problem, filter, context);
}

}  // namespace fi::plan
