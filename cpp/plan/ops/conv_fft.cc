// Convolution of stride 1 by Fourier transforms of tiles.
#include <algorithm>

#include "base/error.h"
#include "kernels/fft/fft.h"
#include "parallel/pool.h"
#include "plan/choose_fft.h"
#include "plan/ops/conv.h"
#include "plan/ops/split.h"
#include "plan/ops/together.h"

namespace fi::plan {
namespace {

// Tiles of a thread below which it had better not read all spectra of the weights for them.
constexpr int64_t kLeastTiles = 12;

fft::Layer layer_of(const ConvQuery& query, FeatureMask features) {
  const fft::Shape shape = fft_shape(query);
  const int t = fft::best_tile(shape, machine_of(features).macs_per_cycle);
  const fft::Kernel* kernel = fft::best_row(features, t);
  if (!kernel) throw Error(ErrorKind::unsupported, "no fft kernel is usable here");
  return fft::layer_of(*kernel, shape);
}

PackedPtr pack(const fft::Layer& layer, const Window& window, const Filter& filter,
               PrepareContext& context) {
  const fft::Shape& shape = layer.shape;
  std::string format = layer.kernel->info.name + filter.view.key();
  for (const int64_t number :
       {shape.groups, shape.inputs, shape.outputs, static_cast<int64_t>(window.kernel_h),
        static_cast<int64_t>(window.kernel_w), static_cast<int64_t>(window.dilation_h),
        static_cast<int64_t>(window.dilation_w)})
    format.append("/").append(std::to_string(number));
  const int threads = context.threads();
  const auto fill = [&](char* out) {
    const auto values = decoded(filter.weight);
    const FilterView& view = filter.view;
    const fft::WeightView weights{values.get() + view.start,
                                  window.kernel_h,
                                  window.kernel_w,
                                  window.dilation_h,
                                  window.dilation_w,
                                  view.group,
                                  view.out,
                                  view.in,
                                  view.row,
                                  view.column};
    const Split parts = split(shape.outputs, layer.unit(), kTasksPerThread * threads);
    parallel_for(threads, parts.parts, [&](int, int64_t part) {
      fft::pack_weights(layer, weights, parts.begin(part), parts.end(part), out);
    });
  };
  return context.packed(filter.weight, format, static_cast<int64_t>(fft::packed_bytes(layer)),
                        fill);
}

class FftConvolution final : public Operator {
 public:
  FftConvolution(const ConvQuery& query, const ConvProblem& problem, const Filter& filter,
                 PrepareContext& context)
      : p_(problem),
        layer_(layer_of(query, context.features())),
        packed_(pack(layer_, problem.window, filter, context)) {
    report_.algorithm = "fft";
    report_.kernel = layer_.kernel->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    fft::Convolution convolution;
    convolution.input = p_.x.at<const float>(context);
    convolution.output = p_.y.at<float>(context);
    if (p_.residual.present()) convolution.residual = p_.residual.at<const float>(context);
    convolution.extent_h = layer_.shape.extent_h;
    convolution.extent_w = layer_.shape.extent_w;
    convolution.pad_top = p_.window.pad_top;
    convolution.pad_left = p_.window.pad_left;
    if (p_.bias.present()) convolution.bias = p_.bias.at(context);
    convolution.activation = p_.activation;
    convolution.rows = rows;
    const int64_t tiles = fft::grid_of(convolution, layer_.kernel->t).count();
    if (tiles == 0 || layer_.shape.outputs == 0) return;
    if (layer_.shape.groups == 1 && !layer_.shape.depthwise() &&
        share_blocks(context.threads, tiles, layer_.block_tiles, kLeastTiles, packed_->bytes()))
      return run_together(context, convolution, tiles);
    const Grid grid = divide(tiles, context.threads);
    parallel_for(context.threads, grid.tasks(), [&](int worker, int64_t task) {
      const int64_t row = task / grid.columns.parts, column = task % grid.columns.parts;
      fft::run(layer_, convolution, packed_->data(), grid.rows.begin(row), grid.rows.end(row),
               grid.columns.begin(column), grid.columns.end(column), context.scratch[worker]);
    });
  }

  // Not striped: each stripe would transform whole tiles for a few of their rows.
  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(fft::scratch_bytes(layer_));
  }

 private:
  // Groups among threads, else blocks of tiles.
  Grid divide(int64_t tiles, int threads) const {
    const int64_t workers = std::max(1, threads), outputs = layer_.shape.outputs;
    if (workers == 1) return {split(tiles, 1, 1), split(outputs, outputs, 1)};
    if (layer_.shape.groups > 1) {
      const Split columns = split(outputs, layer_.unit(), kTasksPerThread * workers);
      const int64_t left = (kTasksPerThread * workers + columns.parts - 1) / columns.parts;
      return {split(tiles, 1, left), columns};
    }
    const int64_t blocks = (tiles + layer_.block_tiles - 1) / layer_.block_tiles;
    const int64_t parts = (blocks + workers - 1) / workers * workers;
    return {split(tiles, 1, parts), split(outputs, outputs, 1)};
  }

  void run_together(const RunContext& context, const fft::Convolution& convolution,
                    int64_t tiles) const {
    const int64_t points = layer_.kernel->points();
    const Split columns =
        columns_together(context.threads, points, layer_.shape.outputs, layer_.kernel->nr);
    char* const shared = context.scratch[0];
    plan::run_together(
        context.threads, tiles, layer_.block_tiles, points, columns.parts,
        [&](int worker, int64_t first, int64_t count, int64_t begin, int64_t end) {
          fft::transform_inputs(layer_, convolution, {first, count, shared}, begin, end,
                                context.scratch[worker]);
        },
        [&](int, int64_t first, int64_t count, int64_t point, int64_t column) {
          fft::multiply(layer_, convolution, packed_->data(), {first, count, shared}, point,
                        columns.begin(column), columns.end(column));
        },
        [&](int worker, int64_t first, int64_t count, int64_t begin, int64_t end) {
          fft::transform_outputs(layer_, convolution, {first, count, shared}, begin, end,
                                 context.scratch[worker]);
        });
  }

  const ConvProblem p_;
  const fft::Layer layer_;
  const PackedPtr packed_;
};

}  // namespace

std::unique_ptr<Operator> make_fft_convolution(const ConvQuery& query, const ConvProblem& problem,
                                               const Filter& filter, PrepareContext& context) {
  return std::make_unique<FftConvolution>(query, problem, filter, context);
}

}  // namespace fi::plan
