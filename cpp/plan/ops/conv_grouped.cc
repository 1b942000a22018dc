// Convolution of many narrow groups in one pass.
#include "base/buffer.h"
#include "kernels/grouped/grouped.h"
#include "plan/ops/conv.h"
#include "plan/ops/rows.h"

namespace fi::plan {
namespace {

grouped::Channels channels_of(const ConvProblem& p) {
  return {p.groups, p.group_inputs(), p.group_outputs()};
}

/// The filter as OIHW, whatever its strides.
AlignedBuffer ordered(const ConvProblem& p, const Filter& filter) {
  AlignedBuffer dense(p.y.image.channels * p.k() * static_cast<int64_t>(sizeof(float)));
  const auto values = decoded(filter.weight);
  float* next = dense.as<float>();
  for (int64_t o = 0; o < p.y.image.channels; ++o) {
    const int64_t group = o / p.group_outputs(), output = o % p.group_outputs();
    for (int64_t i = 0; i < p.group_inputs(); ++i) {
      for (int64_t y = 0; y < p.window.kernel_h; ++y) {
        for (int64_t x = 0; x < p.window.kernel_w; ++x)
          *next++ = values.get()[filter.view.at(group, output, i, y, x)];
      }
    }
  }
  return dense;
}

PackedPtr pack(const grouped::Kernel& kernel, const ConvProblem& p, const Filter& filter,
               PrepareContext& context) {
  std::string format = std::string(kernel.info.name) + filter.view.key() + "/";
  for (const int64_t size : {p.groups, p.group_inputs(), p.group_outputs(),
                             int64_t{p.window.kernel_h}, int64_t{p.window.kernel_w}})
    format.append(std::to_string(size)).append("x");
  const auto bytes = grouped::packed_bytes(kernel, p.window.taps(), channels_of(p));
  return context.packed(filter.weight, format, static_cast<int64_t>(bytes), [&](char* out) {
    grouped::pack(kernel, ordered(p, filter).as<float>(), p.window, channels_of(p),
                  reinterpret_cast<float*>(out));
  });
}

class GroupedConvolution final : public Operator {
 public:
  GroupedConvolution(const ConvProblem& problem, const Filter& filter, PrepareContext& context)
      : p_(problem),
        kernel_(*grouped::best_row(context.features(), p_.window, channels_of(p_))),
        packed_(pack(kernel_, problem, filter, context)) {
    report_.algorithm = "grouped";
    report_.kernel = kernel_.info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    if (p_.y.image.channels == 0) return;
    grouped::Convolution convolution;
    convolution.input = p_.x.at<const float>(context);
    convolution.output = p_.y.at<float>(context);
    if (p_.residual.present()) convolution.residual = p_.residual.at<const float>(context);
    convolution.window = p_.window;
    convolution.groups = p_.groups;
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
  const grouped::Kernel& kernel_;
  const PackedPtr packed_;
};

}  // namespace

std::unique_ptr<Operator> make_grouped_convolution(const ConvProblem& problem, const Filter& filter,
                                                   PrepareContext& context) {
  return std::make_unique<GroupedConvolution>(problem, filter, context);
}

}  // namespace fi::plan
