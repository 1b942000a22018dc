// Direct convolution of few channels, interleaved or planar.
#include "kernels/direct/direct.h"
#include "plan/ops/conv.h"
#include "plan/ops/rows.h"

namespace fi::plan {
namespace {

direct::Layer layer_of(const ConvProblem& p, FeatureMask features) {
  const direct::Kernel* kernel = direct::best_row(features);
  if (!kernel) throw Error(ErrorKind::unsupported, "no direct kernel is usable here");
  return direct::layer_of(*kernel, p.window, p.x.image.channels, p.y.image.channels,
                          p.y.image.width, p.channel_stride != 1);
}

PackedPtr pack(const direct::Layer& layer, const Filter& filter, PrepareContext& context) {
  const Window& w = layer.window;
  const std::string format = std::string(layer.kernel->info.name) + filter.view.key() +
                             (layer.planar ? "/planar" : "/") + std::to_string(layer.channels) +
                             "x" + std::to_string(layer.outputs) + "x" +
                             std::to_string(w.kernel_h) + "x" + std::to_string(w.kernel_w);
  const auto fill = [&](char* out) {
    const auto values = decoded(filter.weight);
    const FilterView& view = filter.view;
    direct::pack_weights(layer,
                         {values.get() + view.start, view.out, view.in, view.row, view.column},
                         reinterpret_cast<float*>(out));
  };
  return context.packed(filter.weight, format, static_cast<int64_t>(direct::packed_bytes(layer)),
                        fill);
}

class DirectConvolution final : public Operator {
 public:
  DirectConvolution(const ConvProblem& problem, const Filter& filter, PrepareContext& context)
      : p_(problem),
        layer_(layer_of(problem, context.features())),
        packed_(pack(layer_, filter, context)) {
    report_.algorithm = "direct";
    report_.kernel = layer_.kernel->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    const Image<const float> x = p_.x.at<const float>(context);
    direct::Convolution convolution{
        .input = {x.data, x.batch, x.height, x.width, x.channels, x.batch_stride, x.row_stride,
                  x.pixel_stride, p_.channel_stride},
        .output = p_.y.at<float>(context),
        .residual = {},
        .bias = p_.bias.at(context),
        .activation = p_.activation,
        .rows = {}};
    if (p_.residual.present()) convolution.residual = p_.residual.at<const float>(context);
    for_each_rows(context, rows, [&](int worker, const RowRange& part) {
      direct::Convolution mine = convolution;
      mine.rows = part;
      direct::run(layer_, mine, packed_->as<float>(), context.scratch[worker]);
    });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(p_.window, p_.x.image.height, begin, end);
  }
  bool striped() const override { return true; }
  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(direct::scratch_bytes(layer_));
  }

 private:
  const ConvProblem p_;
  const direct::Layer layer_;
  const PackedPtr packed_;
};

}  // namespace

std::unique_ptr<Operator> make_direct_convolution(const ConvProblem& problem, const Filter& filter,
                                                  PrepareContext& context) {
  return std::make_unique<DirectConvolution>(problem, filter, context);
}

}  // namespace fi::plan
