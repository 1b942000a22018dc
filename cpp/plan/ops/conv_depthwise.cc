// Depthwise convolution: every input channel is a group of its own.
#include "base/buffer.h"
#include "kernels/depthwise/depthwise.h"
#include "parallel/pool.h"
#include "plan/ops/conv.h"
#include "plan/ops/rows.h"

namespace fi::plan {
namespace {

PackedPtr pack(const ConvProblem& p, const Filter& filter, PrepareContext& context) {
  const int64_t taps = p.window.taps(), channels = p.y.image.channels;
  const int64_t multiplier = p.group_outputs();
  const std::string format = "depthwise" + filter.view.key() + "/" + std::to_string(channels) +
                             "x" + std::to_string(multiplier) + "x" +
                             std::to_string(p.window.kernel_h) + "x" +
                             std::to_string(p.window.kernel_w);
  const auto fill = [&](char* out) {
    const AlignedBuffer dense(taps * channels * static_cast<int64_t>(sizeof(float)));
    const auto values = decoded(filter.weight);
    float* next = dense.as<float>();
    for (int64_t o = 0; o < channels; ++o) {
      for (int64_t y = 0; y < p.window.kernel_h; ++y) {
        for (int64_t x = 0; x < p.window.kernel_w; ++x) {
          *next++ = values.get()[filter.view.at(o / multiplier, o % multiplier, 0, y, x)];
        }
      }
    }
    depthwise::pack(dense.as<float>(), taps, channels, reinterpret_cast<float*>(out));
  };
  return context.packed(filter.weight, format,
                        static_cast<int64_t>(depthwise::packed_bytes(taps, channels)), fill);
}

class DepthwiseConvolution final : public Operator {
 public:
  DepthwiseConvolution(const ConvProblem& problem, const Filter& filter, PrepareContext& context)
      : p_(problem),
        kernel_(*depthwise::best_row(context.features(), p_.window,
                                     static_cast<int32_t>(p_.group_outputs()))),
        packed_(pack(problem, filter, context)) {
    report_.algorithm = "depthwise";
    report_.kernel = kernel_.info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    depthwise::Convolution convolution;
    convolution.input = p_.x.at<const float>(context);
    convolution.output = p_.y.at<float>(context);
    if (p_.residual.present()) convolution.residual = p_.residual.at<const float>(context);
    if (p_.means.present()) convolution.means = p_.means.at<float>(context);
    convolution.window = p_.window;
    convolution.multiplier = static_cast<int32_t>(p_.group_outputs());
    convolution.weights = packed_->as<const float>();
    if (p_.bias.present()) convolution.bias = p_.bias.at(context);
    convolution.activation = p_.activation;
    for_each_rows(context, rows,
                  [&](int, const RowRange& part) { kernel_.run(convolution, part); });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(p_.window, p_.x.image.height, begin, end);
  }
  bool striped() const override { return true; }

 private:
  const ConvProblem p_;
  const depthwise::Kernel& kernel_;
  const PackedPtr packed_;
};

}  // namespace

std::unique_ptr<Operator> make_depthwise_convolution(const ConvProblem& problem,
                                                     const Filter& filter,
                                                     PrepareContext& context) {
  return std::make_unique<DepthwiseConvolution>(problem, filter, context);
}

}  // namespace fi::plan
