// Convolution of planar tensors: by sparse weights, or depthwise.
#include <algorithm>

#include "base/error.h"
#include "kernels/planar/planar.h"
#include "kernels/sparse/sparse.h"
#include "parallel/pool.h"
#include "plan/attributes.h"
#include "plan/choose.h"
#include "plan/ops/conv.h"
#include "plan/ops/rows.h"

namespace fi::plan {
namespace {

/// y = activation(convolution(x, filter) + bias + residual), all NCHW.
struct PlanarProblem {
  PlanesOperand x, y, residual;
  Window window;
  int64_t groups = 1;
  FloatSource bias;
  Activation activation;

  int64_t multiplier() const { return y.planes.channels / groups; }
};

void check(const Step& step, const PlanarProblem& p, const int64_t (&oihw)[4]) {
  const auto need = [&](bool condition, const char* reason) {
    require(condition, step, ErrorKind::shape, reason);
  };
  const Planes<float>&x = p.x.planes, &y = p.y.planes, &r = p.residual.planes;
  need(p.groups >= 1 && x.channels % p.groups == 0, "groups do not divide the input's channels");
  need(oihw[0] % p.groups == 0, "groups do not divide the output's channels");
  need(oihw[1] * p.groups == x.channels, "the weights do not have the input's channels");
  need(oihw[0] == y.channels, "the weights do not have the output's channels");
  need(x.batch == y.batch, "input and output differ in batch");
  need(!p.residual.present() || (r.batch == y.batch && r.channels == y.channels &&
                                 r.height == y.height && r.width == y.width),
       "the residual does not have the output's shape");
}

ConvQuery query_of(const PlanarProblem& p, bool constant_weights, double density) {
  const Planes<float>&x = p.x.planes, &y = p.y.planes;
  ConvQuery query{};
  query.batch = x.batch;
  query.in_height = x.height;
  query.in_width = x.width;
  query.in_channels = x.channels;
  query.out_height = y.height;
  query.out_width = y.width;
  query.out_channels = y.channels;
  query.groups = p.groups;
  query.window = p.window;
  query.constant_weights = constant_weights;
  query.density = density;
  return query;
}

sparse::Shape shape_of(const PlanarProblem& p) {
  const Planes<float>&x = p.x.planes, &y = p.y.planes;
  return {x.batch, x.channels, x.height, x.width, y.channels, y.height, y.width, p.window};
}

sparse::Layer layer_of(const PlanarProblem& p, PrepareContext& context) {
  const sparse::Kernel* kernel = sparse::best_row(context.features());
  if (!kernel) throw Error(ErrorKind::unsupported, "no sparse kernel is usable here");
  const Planes<float>& x = p.x.planes;
  return sparse::layer_of(*kernel, shape_of(p), x.plane_stride, x.rows_join(), context.threads());
}

PackedPtr pack(const sparse::Layer& layer, const Filter& filter, PrepareContext& context) {
  const auto values = decoded(filter.weight);
  const FilterView& view = filter.view;
  const sparse::WeightView weights{values.get() + view.start, view.out, view.in, view.row,
                                   view.column};
  std::string format = "sparse" + view.key();
  const sparse::PackKey key = sparse::key_of(layer);
  const Window& w = layer.shape.window;
  for (const int64_t number :
       {layer.shape.inputs, layer.shape.outputs, int64_t{w.kernel_h}, int64_t{w.kernel_w},
        int64_t{w.dilation_h}, int64_t{w.stride_h}, int64_t{layer.direct}, layer.shape.out_width,
        key.channel_stride, key.tap_row, key.chunk_channels, key.panels})
    format.append("/").append(std::to_string(number));
  return context.packed(filter.weight, format,
                        static_cast<int64_t>(sparse::packed_bytes(layer, weights)),
                        [&](char* out) { sparse::pack(layer, weights, out); });
}

class SparseConvolution final : public Operator {
 public:
  SparseConvolution(const PlanarProblem& problem, const Filter& filter, PrepareContext& context)
      : p_(problem), layer_(layer_of(problem, context)), packed_(pack(layer_, filter, context)) {
    report_.algorithm = "sparse";
    report_.kernel = layer_.kernel->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    sparse::Convolution convolution;
    convolution.input = p_.x.at<const float>(context);
    convolution.output = p_.y.at<float>(context);
    if (p_.residual.present()) convolution.residual = p_.residual.at<const float>(context);
    if (p_.bias.present()) convolution.bias = p_.bias.at(context);
    convolution.activation = p_.activation;
    const int64_t lines = rows.end - rows.begin, images = rows.batch_end - rows.batch_begin;
    if (lines <= 0 || images <= 0) return;
    const Split parts = split(lines, 1, parts_of(lines, images, context.threads));
    const int64_t tasks = images * parts.parts * layer_.panels;
    parallel_for(context.threads, tasks, [&](int worker, int64_t task) {
      const int64_t panel = task % layer_.panels, part = task / layer_.panels % parts.parts;
      const int64_t image = rows.batch_begin + task / layer_.panels / parts.parts;
      sparse::run(layer_, convolution, packed_->data(), image, rows.begin + parts.begin(part),
                  rows.begin + parts.end(part), panel, context.scratch[worker]);
    });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(p_.window, p_.x.planes.height, begin, end);
  }
  bool striped() const override { return true; }
  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(sparse::scratch_bytes(layer_));
  }

 private:
  // Runs of rows for the threads, of at least a tile's pixels each.
  int64_t parts_of(int64_t lines, int64_t images, int threads) const {
    if (threads <= 1) return 1;
    const int64_t tile = layer_.tile_vectors * layer_.kernel->lanes;
    const int64_t most = std::max<int64_t>(1, lines * p_.y.planes.width / tile);
    const int64_t wanted = kTasksPerThread * threads / std::max<int64_t>(1, images * layer_.panels);
    return std::clamp<int64_t>(wanted, 1, most);
  }

  const PlanarProblem p_;
  const sparse::Layer layer_;
  const PackedPtr packed_;
};

class PlanarDepthwise final : public Operator {
 public:
  PlanarDepthwise(const PlanarProblem& problem, const Filter& filter, PrepareContext& context)
      : p_(problem),
        kernel_(*planar::best_row(context.features(), problem.window)),
        staged_(planar::staged_of(problem.window, problem.y.planes.height, problem.y.planes.width)),
        weights_(decoded(filter.weight)) {
    report_.algorithm = "depthwise_planar";
    report_.kernel = kernel_.info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    planar::Depthwise convolution;
    convolution.input = p_.x.at<const float>(context);
    convolution.output = p_.y.at<float>(context);
    if (p_.residual.present()) convolution.residual = p_.residual.at<const float>(context);
    convolution.window = p_.window;
    convolution.multiplier = static_cast<int32_t>(p_.multiplier());
    convolution.weights = weights_.get();
    if (p_.bias.present()) convolution.bias = p_.bias.at(context);
    convolution.activation = p_.activation;
    for_each_channels(context, rows, p_.y.planes.channels,
                      [&](int worker, int64_t image, int64_t begin, int64_t end) {
                        kernel_.run(convolution, {image, begin, end, rows.begin, rows.end}, staged_,
                                    reinterpret_cast<float*>(context.scratch[worker]));
                      });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(p_.window, p_.x.planes.height, begin, end);
  }
  bool striped() const override { return true; }
  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(planar::scratch_bytes(kernel_, staged_));
  }

 private:
  const PlanarProblem p_;
  const planar::Kernel& kernel_;
  const planar::Staged staged_;
  const std::shared_ptr<const float> weights_;
};

}  // namespace

std::unique_ptr<Operator> prepare_planar_conv(const Program& program, const Step& step,
                                              PrepareContext& context) {
  const Attributes attributes(step);
  PlanarProblem problem;
  problem.x = as_planes(step, input(program, step, 0));
  problem.y = as_planes(step, output(program, step, 0));
  require(!output(program, step, 1, false).present(), step, ErrorKind::unsupported,
          "it makes no means of rows");
  problem.residual = as_planes(step, input(program, step, 1, false));
  problem.groups = attributes.integer("groups", 1);
  problem.activation = attributes.activation();
  int64_t oihw[4] = {};
  Filter filter = filter_of(program, step, oihw);
  check(step, problem, oihw);
  filter.view.group = oihw[0] / problem.groups * filter.view.out;
  problem.window = window_of(attributes, oihw[2], oihw[3]);
  problem.bias = bias_of(program, step, 1, 3, oihw[0]);
  const double density = attributes.real("density", 1);
  const Choice choice =
      choose(planar_candidates(query_of(problem, filter.weight != nullptr, density),
                               machine_of(context.features())),
             context.forced(step));
  require(!choice.algorithm.empty(), step, ErrorKind::unsupported,
          "no algorithm can do this step on planar tensors");
  if (choice.forced) context.applied(choice.algorithm);
  std::unique_ptr<Operator> op;
  if (choice.algorithm == "sparse") {
    op = std::make_unique<SparseConvolution>(problem, filter, context);
  } else {
    op = std::make_unique<PlanarDepthwise>(problem, filter, context);
  }
  const Planes<float>& y = problem.y.planes;
  op->report().macs = y.batch * y.channels * y.height * y.width * oihw[1] * problem.window.taps();
  choice.tell(op->report());
  return op;
}

}  // namespace fi::plan
