// Transposed convolution by phases: output rows of one residue modulo the stride depend on every
// (stride / gcd)-th tap, so each of the stride_h * stride_w phases is an ordinary convolution of
// stride 1 over the input, written to every stride-th pixel of the output. No zeros are inserted
// and nothing is scattered: results do not depend on threads.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "plan/attributes.h"
#include "plan/ops/conv.h"

namespace fi::plan {
namespace {

// A window that lies outside of any input, for phases that no tap reaches.
constexpr int32_t kOutside = 1 << 30;

// One axis of one phase as an ordinary convolution.
struct AxisPhase {
  int32_t taps = 1, dilation = 1, pad = kOutside;
  int64_t first_tap = 0,
          tap_step = 0;  // kernel tap of the convolution's tap 0, and from each to the next
  int64_t outputs = 0;
};

// Output o = phase + stride * q takes input q + (phase + pad - tap * dilation) / stride, for the
// taps where that is whole; reversed, so that inputs ascend with taps.
AxisPhase axis_phase(int64_t phase, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad,
                     int64_t output) {
  AxisPhase axis;
  axis.outputs = std::max<int64_t>(0, (output - phase + stride - 1) / stride);
  const int64_t common = std::gcd(stride, dilation), step = stride / common;
  const auto fits = [&](int64_t tap) { return (phase + pad - tap * dilation) % stride == 0; };
  int64_t first = 0;
  while (first < std::min(step, kernel) && !fits(first)) ++first;
  if (first >= std::min(step, kernel)) return axis;
  const int64_t taps = (kernel - 1 - first) / step + 1, last = first + (taps - 1) * step;
  axis.taps = static_cast<int32_t>(taps);
  axis.dilation = static_cast<int32_t>(dilation / common);
  axis.pad = static_cast<int32_t>(-((phase + pad - last * dilation) / stride));
  axis.first_tap = last;
  axis.tap_step = -step;
  return axis;
}

ImageOperand every_nth(ImageOperand image, int64_t phase_h, int64_t phase_w, int64_t stride_h,
                       int64_t stride_w, int64_t height, int64_t width) {
  if (!image.present()) return image;
  Image<float>& i = image.image;
  image.offset_bytes +=
      (phase_h * i.row_stride + phase_w * i.pixel_stride) * static_cast<int64_t>(sizeof(float));
  i.height = height;
  i.width = width;
  i.row_stride *= stride_h;
  i.pixel_stride *= stride_w;
  return image;
}

class ConvTranspose final : public Operator {
 public:
  ConvTranspose(const Step& step, const ConvProblem& whole, const Filter& filter,
                PrepareContext& context) {
    const Window& w = whole.window;
    const Image<float>& y = whole.y.image;
    for (int64_t ph = 0; ph < w.stride_h; ++ph) {
      const AxisPhase rows =
          axis_phase(ph, w.kernel_h, w.stride_h, w.dilation_h, w.pad_top, y.height);
      for (int64_t pw = 0; pw < w.stride_w; ++pw) {
        const AxisPhase columns =
            axis_phase(pw, w.kernel_w, w.stride_w, w.dilation_w, w.pad_left, y.width);
        if (rows.outputs * columns.outputs == 0) continue;
        add_phase(step, whole, filter, ph, pw, rows, columns, context);
      }
    }
    if (!phases_.empty()) report_ = phases_.front()->report();
    report_.macs = whole.x.image.batch * whole.x.image.height * whole.x.image.width *
                   whole.x.image.channels * whole.group_outputs() * w.taps();
    report_.why = std::to_string(phases_.size()) + " phases; the first: " + report_.why;
  }

  void run(const RunContext& context, const RowRange&) const override {
    for (size_t i = 0; i < phases_.size(); ++i) phases_[i]->run(context, rows_[i]);
  }

  int64_t scratch_bytes() const override {
    int64_t bytes = 0;
    for (const auto& phase : phases_) bytes = std::max(bytes, phase->scratch_bytes());
    return bytes;
  }

 private:
  void add_phase(const Step& step, const ConvProblem& whole, const Filter& filter, int64_t ph,
                 int64_t pw, const AxisPhase& rows, const AxisPhase& columns,
                 PrepareContext& context) {
    const Window& w = whole.window;
    const auto phase_of = [&](const ImageOperand& image) {
      return every_nth(image, ph, pw, w.stride_h, w.stride_w, rows.outputs, columns.outputs);
    };
    ConvProblem problem = whole;
    problem.y = phase_of(whole.y);
    problem.residual = phase_of(whole.residual);
    problem.window = {rows.taps,     columns.taps,     1,        1,
                      rows.dilation, columns.dilation, rows.pad, columns.pad};
    Filter part = filter;
    part.view.start += rows.first_tap * filter.view.row + columns.first_tap * filter.view.column;
    part.view.row = filter.view.row * rows.tap_step;
    part.view.column = filter.view.column * columns.tap_step;
    phases_.push_back(make_convolution(step, problem, part, context));
    rows_.push_back({0, problem.y.image.batch, 0, rows.outputs});
  }

  std::vector<std::unique_ptr<Operator>> phases_;
  std::vector<RowRange> rows_;
};

void check(const Step& step, const ConvProblem& p, const int64_t (&iohw)[4]) {
  const auto need = [&](bool condition, const char* reason) {
    require(condition, step, ErrorKind::shape, reason);
  };
  need(p.groups >= 1 && iohw[0] % p.groups == 0, "groups do not divide the input's channels");
  need(iohw[0] == p.x.image.channels, "the weights do not have the input's channels");
  need(iohw[1] * p.groups == p.y.image.channels, "the weights do not have the output's channels");
  need(p.x.image.batch == p.y.image.batch, "input and output differ in batch");
}

}  // namespace

std::unique_ptr<Operator> prepare_conv_transpose(const Program& program, const Step& step,
                                                 PrepareContext& context) {
  const Attributes attributes(step);
  ConvProblem problem;
  problem.x = as_image(step, input(program, step, 0));
  problem.y = as_image(step, output(program, step, 0));
  require(!output(program, step, 1, false).present(), step, ErrorKind::unsupported,
          "it makes no means of rows");
  problem.residual = as_image(step, input(program, step, 1, false));
  problem.groups = attributes.integer("groups", 1);
  problem.activation = attributes.activation();
  int64_t iohw[4] = {};
  const Filter stored = filter_of(program, step, iohw);
  check(step, problem, iohw);
  check_residual(step, problem);
  Filter filter = stored;
  filter.view.in = stored.view.out;  // the stored order is (in, out of the group, H, W)
  filter.view.out = stored.view.in;
  filter.view.group = iohw[0] / problem.groups * filter.view.in;
  problem.window = window_of(attributes, iohw[2], iohw[3]);
  problem.bias = bias_of(program, step, 1, 3, problem.y.image.channels);
  return std::make_unique<ConvTranspose>(step, problem, filter, context);
}

}  // namespace fi::plan
