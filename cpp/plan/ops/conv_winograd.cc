// 3x3 convolution of stride 1 by Winograd's tiles.
#include <algorithm>

#include "kernels/winograd/winograd.h"
#include "parallel/pool.h"
#include "plan/ops/conv.h"
#include "plan/ops/split.h"
#include "plan/ops/together.h"

namespace fi::plan {
namespace {

// Tiles of a thread below which it had better not read all weights for them.
constexpr int64_t kLeastTiles = 24;

int64_t tiles_of(const ConvProblem& p, int m) {
  return p.y.image.batch * ((p.y.image.height + m - 1) / m) * ((p.y.image.width + m - 1) / m);
}

winograd::Layer layer_of(const ConvProblem& p, int m, FeatureMask features) {
  const winograd::Kernel* kernel = winograd::best_row(features, m);
  if (!kernel) throw Error(ErrorKind::unsupported, "no winograd kernel is usable here");
  const int64_t tiles = std::max<int64_t>(1, tiles_of(p, m));
  const winograd::Layer layer =
      winograd::layer_of(*kernel, features, tiles, p.x.image.channels, p.y.image.channels);
  if (!layer.gemm) throw Error(ErrorKind::unsupported, "no gemm kernel is usable here");
  return layer;
}

PackedPtr pack(const winograd::Layer& layer, const Filter& filter, PrepareContext& context) {
  const std::string format = "winograd" + std::to_string(layer.kernel->m) + "/" +
                             layer.gemm->info.name + filter.view.key() + "/" +
                             std::to_string(layer.inputs) + "x" + std::to_string(layer.outputs);
  const int threads = context.threads();
  const auto fill = [&](char* out) {
    const auto values = decoded(filter.weight);
    const FilterView& view = filter.view;
    const winograd::WeightView weights{values.get() + view.start, view.out, view.in, view.row,
                                       view.column};
    const Split panels =
        split(layer.outputs, layer.gemm->nr, threads <= 1 ? 1 : kTasksPerThread * threads);
    parallel_for(threads, panels.parts, [&](int, int64_t part) {
      winograd::pack_weights(layer, weights, panels.begin(part), panels.end(part), out);
    });
  };
  return context.packed(filter.weight, format, static_cast<int64_t>(winograd::packed_bytes(layer)),
                        fill);
}

class WinogradConvolution final : public Operator {
 public:
  WinogradConvolution(int m, const ConvProblem& problem, const Filter& filter,
                      PrepareContext& context)
      : p_(problem),
        layer_(layer_of(problem, m, context.features())),
        packed_(pack(layer_, filter, context)) {
    report_.algorithm = "winograd_f" + std::to_string(m) + "3";
    report_.kernel = layer_.kernel->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    winograd::Convolution convolution;
    convolution.input = p_.x.at<const float>(context);
    convolution.output = p_.y.at<float>(context);
    if (p_.residual.present()) convolution.residual = p_.residual.at<const float>(context);
    convolution.pad_top = p_.window.pad_top;
    convolution.pad_left = p_.window.pad_left;
    if (p_.bias.present()) convolution.bias = p_.bias.at(context);
    convolution.activation = p_.activation;
    convolution.rows = rows;
    const int64_t tiles = winograd::grid_of(convolution, layer_.kernel->m).count();
    if (tiles == 0 || layer_.outputs == 0) return;
    if (share_blocks(context.threads, tiles, layer_.block_tiles, kLeastTiles, packed_->bytes()))
      return run_together(context, convolution, tiles);
    const int64_t blocks = (tiles + layer_.block_tiles - 1) / layer_.block_tiles;
    const int64_t workers = std::max(1, context.threads);
    const Split parts =
        split(tiles, 1, workers == 1 ? 1 : (blocks + workers - 1) / workers * workers);
    parallel_for(context.threads, parts.parts, [&](int worker, int64_t part) {
      winograd::run(layer_, convolution, packed_->data(), parts.begin(part), parts.end(part),
                    context.scratch[worker]);
    });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    // Whole tiles are read, up to the last row of the output.
    const int64_t m = layer_.kernel->m;
    return window_rows(p_.window, p_.x.image.height, begin / m * m,
                       std::min((end + m - 1) / m * m, p_.y.image.height));
  }
  bool striped() const override { return true; }
  int64_t row_unit() const override { return layer_.kernel->m; }
  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(winograd::scratch_bytes(layer_));
  }

 private:
  void run_together(const RunContext& context, const winograd::Convolution& convolution,
                    int64_t tiles) const {
    const int64_t points = layer_.points();
    const Split columns =
        columns_together(context.threads, points, layer_.outputs, layer_.gemm->nr);
    char* const shared = context.scratch[0];
    plan::run_together(
        context.threads, tiles, layer_.block_tiles, points, columns.parts,
        [&](int, int64_t first, int64_t count, int64_t begin, int64_t end) {
          winograd::transform_inputs(layer_, convolution, {first, count, shared}, begin, end);
        },
        [&](int worker, int64_t first, int64_t count, int64_t point, int64_t column) {
          winograd::multiply(layer_, packed_->data(), {first, count, shared}, point,
                             columns.begin(column), columns.end(column), context.scratch[worker]);
        },
        [&](int, int64_t first, int64_t count, int64_t begin, int64_t end) {
          winograd::transform_outputs(layer_, convolution, {first, count, shared}, begin, end);
        });
  }

  const ConvProblem p_;
  const winograd::Layer layer_;
  const PackedPtr packed_;
};

}  // namespace

std::unique_ptr<Operator> make_winograd_convolution(int m, const ConvProblem& problem,
                                                    const Filter& filter, PrepareContext& context) {
  return std::make_unique<WinogradConvolution>(m, problem, filter, context);
}

}  // namespace fi::plan
