#include "plan/ops/conv.h"

#include <algorithm>

#include "base/error.h"
#include "plan/attributes.h"
#include "plan/choose.h"
#include "plan/ops/blocks.h"
#include "plan/ops/pixels.h"

namespace fi::plan {
namespace {

int64_t dense_bytes(const Image<float>& x) {
  return x.batch * x.height * x.width * x.channels * static_cast<int64_t>(sizeof(float));
}

ConvQuery query_of(const ConvProblem& p, bool constant_weights) {
  ConvQuery query;
  query.batch = p.x.image.batch;
  query.in_height = p.x.image.height;
  query.in_width = p.x.image.width;
  query.in_channels = p.inputs();
  query.out_height = p.y.image.height;
  query.out_width = p.y.image.width;
  query.out_channels = p.y.image.channels;
  query.groups = p.groups;
  query.window = p.window;
  query.constant_weights = constant_weights;
  query.planar = p.channel_stride != 1;
  query.uniform_pixels = query.planar || rows_join(p.x.image);  // its copy is dense
  query.input_bytes = query.planar ? dense_bytes(p.x.image) : p.x.extent_bytes();
  query.placed = !p.places.empty();
  query.thresholded = p.thresholded;
  query.density = p.density;
  query.block_outputs = p.block_outputs;
  return query;
}

std::unique_ptr<Operator> make(const std::string& algorithm, const ConvQuery& query,
                               const ConvProblem& problem, const Filter& filter,
                               PrepareContext& context) {
  const bool placed = !problem.places.empty();
  if (algorithm == "direct" && !placed) return make_direct_convolution(problem, filter, context);
  if (problem.channel_stride != 1 || (placed && algorithm != "pointwise")) {
    return make_interleaved_convolution(problem, context, [&](const ConvProblem& interleaved) {
      return make(algorithm, query, interleaved, filter, context);
    });
  }
  if (algorithm == "depthwise") return make_depthwise_convolution(problem, filter, context);
  if (algorithm == "mec") return make_mec_convolution(problem, filter, context);
  if (algorithm == "fft") return make_fft_convolution(query, problem, filter, context);
  if (algorithm == "blocks") return make_block_convolution(problem, filter, context);
  if (algorithm == "grouped") return make_grouped_convolution(problem, filter, context);
  for (const int m : {2, 4, 6}) {
    if (algorithm == "winograd_f" + std::to_string(m) + "3")
      return make_winograd_convolution(m, problem, filter, context);
  }
  const LhsSource source = algorithm == "pointwise"  ? LhsSource::pointwise
                           : algorithm == "indirect" ? LhsSource::indirect
                                                     : LhsSource::im2col;
  return make_gemm_convolution(source, problem, filter, context);
}

int block_outputs_of(const Filter& filter) {
  if (!filter.weight || filter.weight->form != WeightForm::block_sparse) return 0;
  const BlockWeight blocks = block_weight(*filter.weight, true);
  return blocks.refusal.empty() ? blocks.block_outputs : 0;
}

// As an image, or as planes of one.
void read_input(const Step& step, Operand x, ConvProblem* p) {
  if (x.view.rank == 4 && !is_image(x)) {
    p->channel_stride = x.view.stride[1];
    x.view.stride[1] = 1;
  }
  p->x = as_image(step, x);
}

// Places that are a run of x's channels are a view of x.
void read_places(const Step& step, const std::vector<int64_t>& places, ConvProblem* p) {
  Image<float>& x = p->x.image;
  bool run = true;
  for (size_t c = 0; c < places.size(); ++c) {
    require(places[c] >= 0 && places[c] < x.channels, step, ErrorKind::shape,
            "a place is none of the input's channels");
    run = run && places[c] == places[0] + static_cast<int64_t>(c);
  }
  if (places.empty()) return;
  if (!run) {
    p->places.assign(places.begin(), places.end());
    return;
  }
  p->x.offset_bytes += places[0] * p->channel_stride * static_cast<int64_t>(sizeof(float));
  x.channels = static_cast<int64_t>(places.size());
  if (x.channels == 1) p->channel_stride = 1;  // one plane is an image
}

void check(const Step& step, const ConvProblem& p, const int64_t (&oihw)[4]) {
  const auto need = [&](bool condition, const char* reason) {
    require(condition, step, ErrorKind::shape, reason);
  };
  need(p.groups >= 1 && p.inputs() % p.groups == 0, "groups do not divide the input's channels");
  need(oihw[0] % p.groups == 0, "groups do not divide the output's channels");
  need(oihw[1] * p.groups == p.inputs(), "the weights do not have the input's channels");
  need(oihw[0] == p.y.image.channels, "the weights do not have the output's channels");
  need(p.x.image.batch == p.y.image.batch, "input and output differ in batch");
  if (!p.means.present()) return;
  const Image<float>&means = p.means.image, &y = p.y.image;
  need(means.batch == y.batch && means.height == y.height && means.width == 1 &&
           means.channels == y.channels,
       "the means are not one for each row and channel");
}

}  // namespace

std::pair<int64_t, int64_t> window_rows(const Window& window, int64_t input_height, int64_t begin,
                                        int64_t end) {
  const int64_t first = begin * window.stride_h - window.pad_top;
  const int64_t last = (end - 1) * window.stride_h - window.pad_top +
                       static_cast<int64_t>(window.kernel_h - 1) * window.dilation_h + 1;
  return {std::clamp<int64_t>(first, 0, input_height), std::clamp<int64_t>(last, 0, input_height)};
}

FloatSource bias_of(const Program& program, const Step& step, size_t weight, size_t input_number,
                    int64_t channels) {
  FloatSource bias;
  int64_t count = channels;
  if (weight < step.weights.size() && step.weights[weight]) {
    bias.constant = decoded(step.weights[weight]);
    count = element_count(*step.weights[weight]);
  } else {
    bias.operand = input(program, step, input_number, false);
    if (!bias.operand.present()) return bias;
    require(bias.operand.view.dtype == DType::f32, step, ErrorKind::dtype, "the bias is not f32");
    require(is_contiguous(bias.operand.view), step, ErrorKind::unsupported,
            "the bias is not contiguous");
    count = element_count(bias.operand.view);
  }
  require(count == channels, step, ErrorKind::shape,
          "the bias does not have the output's channels");
  return bias;
}

void check_residual(const Step& step, const ConvProblem& p) {
  if (!p.residual.present()) return;
  const Image<float>&r = p.residual.image, &y = p.y.image;
  require(
      r.batch == y.batch && r.height == y.height && r.width == y.width && r.channels == y.channels,
      step, ErrorKind::shape, "the residual does not have the output's shape");
}

Filter filter_of(const Program& program, const Step& step, int64_t (&shape)[4]) {
  Filter filter;
  if (!step.weights.empty() && step.weights[0]) {
    filter.weight = step.weights[0];
    require(filter.weight->shape.size() == 4, step, ErrorKind::shape, "the weights are not OIHW");
    std::copy_n(filter.weight->shape.begin(), 4, shape);
    const int64_t taps = shape[2] * shape[3];
    filter.view = {0, 0, shape[1] * taps, taps, shape[3], 1};
    return filter;
  }
  filter.operand = input(program, step, 2);
  const TensorView& view = filter.operand.view;
  require(view.rank == 4, step, ErrorKind::shape, "the weights are not OIHW");
  require(view.dtype == DType::f32, step, ErrorKind::dtype, "the weights are not f32");
  std::copy_n(view.shape, 4, shape);
  filter.view = {0, 0, view.stride[0], view.stride[1], view.stride[2], view.stride[3]};
  return filter;
}

std::unique_ptr<Operator> make_convolution(const Step& step, const ConvProblem& problem,
                                           const Filter& filter, PrepareContext& context) {
  const ConvQuery query = query_of(problem, filter.weight != nullptr);
  std::vector<Candidate> candidates = conv_candidates(query, machine_of(context.features()));
  if (context.weights() == WeightPolicy::compressed && filter.weight &&
      (filter.weight->form != WeightForm::dense || filter.weight->dtype != DType::f32)) {
    for (Candidate& c : candidates) {
      const bool transforms =
          c.algorithm.rfind("winograd", 0) == 0 || c.algorithm.rfind("fft", 0) == 0;
      if (transforms) c.refusal = "its weights take more memory";
    }
  }
  const Choice choice = choose(candidates, context.forced(step));
  require(!choice.algorithm.empty(), step, ErrorKind::unsupported, "no algorithm can do this step");
  if (choice.forced) context.applied(choice.algorithm);
  auto op = make(choice.algorithm, query, problem, filter, context);
  op->report().macs = problem.pixels() * problem.y.image.channels * problem.k();
  choice.tell(op->report());
  if (query.placed) {
    op->report().why += "; reads " + std::to_string(problem.inputs()) + " of " +
                        std::to_string(problem.x.image.channels) + " channels through places";
  }
  if (!problem.means.present()) return op;
  op->report().why += "; with the means of its rows";
  return choice.algorithm == "depthwise" ? std::move(op)
                                         : add_row_means(std::move(op), problem, context);
}

std::unique_ptr<Operator> prepare_conv(const Program& program, const Step& step,
                                       PrepareContext& context) {
  const Attributes attributes(step);
  if (attributes.flag("planar", false)) return prepare_planar_conv(program, step, context);
  ConvProblem problem;
  read_input(step, input(program, step, 0), &problem);
  problem.y = as_image(step, output(program, step, 0));
  problem.means = as_image(step, output(program, step, 1, false));
  problem.residual = as_image(step, input(program, step, 1, false));
  problem.groups = attributes.integer("groups", 1);
  read_places(step, attributes.integers("places", {}), &problem);
  problem.activation = attributes.activation();
  problem.thresholded = attributes.integer("thresholded", 0) != 0;
  problem.density = attributes.real("density", 1);
  int64_t oihw[4] = {};
  Filter filter = filter_of(program, step, oihw);
  if (context.weights() != WeightPolicy::dense) problem.block_outputs = block_outputs_of(filter);
  check(step, problem, oihw);
  check_residual(step, problem);
  filter.view.group = oihw[0] / problem.groups * filter.view.out;
  problem.window = window_of(attributes, oihw[2], oihw[3]);
  problem.bias = bias_of(program, step, 1, 3, oihw[0]);
  return make_convolution(step, problem, filter, context);
}

}  // namespace fi::plan
