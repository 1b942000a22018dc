// 1x1 convolution by a weight of stored blocks: of each run of pixels, a product.
#include <algorithm>

#include "base/error.h"
#include "parallel/pool.h"
#include "plan/choose_blocks.h"
#include "plan/ops/blocks.h"
#include "plan/ops/pixels.h"
#include "plan/ops/split.h"

namespace fi::plan {

PackedBlocks packed_blocks(const WeightPtr& weight, const BlockWeight& b, int64_t rows, float alpha,
                           PrepareContext& context) {
  const blocks::Way way = way_of(rows, b.inputs, b.block_outputs);
  PackedBlocks made{blocks::best_row(context.features(), way, b.block_outputs), nullptr, {}};
  if (!made.kernel) throw Error(ErrorKind::unsupported, "no blocks kernel is usable here");
  uint32_t bits;
  __builtin_memcpy(&bits, &alpha, sizeof bits);
  // The layout is the same for every tier.
  const std::string format = std::string(way == blocks::Way::rows ? "blocks' rows" : "blocks") +
                             (b.transposed ? "/" : "\\") + std::to_string(bits);
  made.packed = context.packed(weight, format, [&] { return pack_blocks(b, way, alpha); });
  made.matrix = blocks::matrix_of(*made.packed);
  return made;
}

namespace {

class BlockConvolution final : public Operator {
 public:
  BlockConvolution(const ConvProblem& problem, const Filter& filter, PrepareContext& context)
      : p_(problem),
        w_(packed_blocks(filter.weight, block_weight(*filter.weight, true), p_.pixels(), 1,
                         context)) {
    const bool skips = p_.window.stride_h != 1 || p_.window.stride_w != 1;
    rows_join_ = rows_join(p_.y.image) && (!p_.residual.present() || rows_join(p_.residual.image));
    images_join_ = !skips && images_join(p_.x.image) && images_join(p_.y.image) &&
                   (!p_.residual.present() || images_join(p_.residual.image));
    report_.algorithm = "blocks";
    report_.kernel = w_.kernel->info.name;
    report_.weights = w_.matrix.blocks * blocks::kBlock;
    report_.macs = p_.pixels() * report_.weights;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    const PixelRuns runs(rows, p_.y.image.height, p_.y.image.width, rows_join_, images_join_);
    if (runs.count() == 0 || p_.y.image.channels == 0) return;
    const Grid grid = split_grid(runs.pixels(), w_.matrix.groups, w_.kernel->most, 1,
                                 context.threads, runs.count(), 0);
    parallel_for(context.threads, runs.count() * grid.tasks(), [&](int worker, int64_t task) {
      const int64_t column = task % grid.columns.parts;
      const int64_t row = task / grid.columns.parts % grid.rows.parts;
      const PixelRun run = runs.run(task / grid.tasks());
      blocks::run(*w_.kernel, product_of(context, run), grid.rows.begin(row), grid.rows.end(row),
                  grid.columns.begin(column), grid.columns.end(column), context.scratch[worker]);
    });
  }

  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(p_.window, p_.x.image.height, begin, end);
  }
  bool striped() const override { return true; }
  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(blocks::scratch_bytes(*w_.kernel, w_.matrix.inputs));
  }

 private:
  blocks::Product product_of(const RunContext& context, const PixelRun& run) const {
    blocks::Product product{};
    product.w = w_.matrix;
    const Image<const float> x = p_.x.at<const float>(context);
    product.x = x.pixel(run.image, run.row * p_.window.stride_h, 0);
    product.x_stride = images_join_ ? pixel_pitch(x) : x.pixel_stride * p_.window.stride_w;
    if (!images_join_) {
      product.width = p_.y.image.width;
      product.line_stride = x.row_stride * p_.window.stride_h;
    }
    product.y = p_.y.at<float>(context).pixel(run.image, run.row, 0);
    product.y_stride = pixel_pitch(p_.y.image);
    if (p_.residual.present()) {
      product.residual = p_.residual.at<const float>(context).pixel(run.image, run.row, 0);
      product.residual_stride = pixel_pitch(p_.residual.image);
    }
    if (p_.bias.present()) product.bias = p_.bias.at(context);
    product.activation = p_.activation;
    return product;
  }

  const ConvProblem p_;
  const PackedBlocks w_;
  bool rows_join_ = false, images_join_ = false;
};

}  // namespace

std::unique_ptr<Operator> make_block_convolution(const ConvProblem& problem, const Filter& filter,
                                                 PrepareContext& context) {
  return std::make_unique<BlockConvolution>(problem, filter, context);
}

}  // namespace fi::plan
