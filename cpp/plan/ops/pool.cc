// Pooling: pool over NHWC images or planes, global_pool over NHWC images, pool_nd over anything.
#include "base/error.h"
#include "kernels/pool/planes.h"
#include "kernels/strided/pool_nd.h"
#include "plan/attributes.h"
#include "plan/ops/conv.h"
#include "plan/ops/rows.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

pool::PoolKind kind_of(const Attributes& attributes, bool lp) {
  const std::string kind = attributes.text("kind");
  if (kind == "max") return pool::PoolKind::max;
  if (kind == "average") return pool::PoolKind::average;
  if (kind != "lp" || !lp) attributes.refuse("kind", "is unknown: " + kind);
  return pool::PoolKind::lp;
}

pool::Pool2d pool_of(const Attributes& attributes) {
  const auto kernel = attributes.integers("kernel");
  if (kernel.size() != 2) attributes.refuse("kernel", "must have 2 entries");
  pool::Pool2d pool;
  pool.kind = kind_of(attributes, true);
  pool.window = window_of(attributes, kernel[0], kernel[1]);
  const auto pads = attributes.integers("pads", {0, 0, 0, 0});
  pool.pad_bottom = static_cast<int32_t>(pads[2]);
  pool.pad_right = static_cast<int32_t>(pads[3]);
  pool.count_include_pad = attributes.flag("count_include_pad", false);
  pool.p = static_cast<float>(attributes.integer("p", 2));
  return pool;
}

void check_sizes(const Step& step, int64_t batch, int64_t channels, int64_t y_batch,
                 int64_t y_channels) {
  require(batch == y_batch && channels == y_channels, step, ErrorKind::shape,
          "input and output differ in batch or channels");
}

class Pool final : public Operator {
 public:
  Pool(const Step& step, const Program& program, PrepareContext& context)
      : x_(as_image(step, input(program, step, 0))),
        y_(as_image(step, output(program, step, 0))),
        pool_(pool_of(Attributes(step))) {
    check_sizes(step, x_.image.batch, x_.image.channels, y_.image.batch, y_.image.channels);
    kernel_ = pool::find(pool_.kind, context.features());
    report_.algorithm = "window";
    report_.kernel = kernel_->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    const auto src = x_.at<const float>(context);
    const auto dst = y_.at<float>(context);
    for_each_rows(context, rows,
                  [&](int, const RowRange& part) { pool::run(*kernel_, pool_, src, dst, part); });
  }
  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(pool_.window, x_.image.height, begin, end);
  }
  bool striped() const override { return true; }

 private:
  const ImageOperand x_, y_;
  const pool::Pool2d pool_;
  const pool::Kernel* kernel_;
};

class PlanarPool final : public Operator {
 public:
  PlanarPool(const Step& step, const Program& program, PrepareContext& context)
      : x_(as_planes(step, input(program, step, 0))),
        y_(as_planes(step, output(program, step, 0))),
        pool_(pool_of(Attributes(step))) {
    const Planes<float>&x = x_.planes, &y = y_.planes;
    check_sizes(step, x.batch, x.channels, y.batch, y.channels);
    const pool::Strip strip = pool::strip_of(pool_, x.width, y.height, y.width);
    kernel_ = pool::find(pool_.kind, context.features(), true);
    require(kernel_ && pool::accepts(strip), step, ErrorKind::unsupported,
            "no planar kernel takes this pooling");
    scratch_bytes_ = static_cast<int64_t>(pool::scratch_bytes(strip));
    report_.algorithm = "window_planar";
    report_.kernel = kernel_->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    const auto src = x_.at<const float>(context);
    const auto dst = y_.at<float>(context);
    for_each_channels(
        context, rows, dst.channels, [&](int worker, int64_t image, int64_t begin, int64_t end) {
          pool::run_planes(*kernel_, pool_, src, dst, {image, begin, end, rows.begin, rows.end},
                           reinterpret_cast<float*>(context.scratch[worker]));
        });
  }
  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    return window_rows(pool_.window, x_.planes.height, begin, end);
  }
  bool striped() const override { return true; }
  int64_t scratch_bytes() const override { return scratch_bytes_; }

 private:
  const PlanesOperand x_, y_;
  const pool::Pool2d pool_;
  const pool::Kernel* kernel_;
  int64_t scratch_bytes_;
};

class GlobalPool final : public Operator {
 public:
  GlobalPool(const Step& step, const Program& program, PrepareContext& context)
      : x_(as_image(step, input(program, step, 0))), y_(as_image(step, output(program, step, 0))) {
    require(x_.image.batch == y_.image.batch && x_.image.channels == y_.image.channels &&
                y_.image.height == 1 && y_.image.width == 1,
            step, ErrorKind::shape, "the output is not (N, C, 1, 1)");
    kernel_ = pool::find(kind_of(Attributes(step), false), context.features());
    chunks_ = pool::global_chunks(x_.image.height, x_.image.width, x_.image.channels);
    partial_ = context.workspace(x_.image.batch * chunks_ * x_.image.channels *
                                 static_cast<int64_t>(sizeof(float)));
    report_.algorithm = "global";
    report_.kernel = kernel_->info.name;
  }

  void run(const RunContext& context, const RowRange&) const override {
    const pool::GlobalPool pool{kernel_, x_.at<const float>(context), y_.at<float>(context).data,
                                y_.image.batch_stride};
    float* partial = reinterpret_cast<float*>(context.buffers[partial_]);
    for_each_range(context, x_.image.batch * chunks_, [&](int, int64_t begin, int64_t end) {
      pool::global_partial(pool, partial, begin, end);
    });
    for_each_range(context, x_.image.batch, [&](int, int64_t begin, int64_t end) {
      pool::global_finish(pool, partial, begin, end);
    });
  }

 private:
  const ImageOperand x_, y_;
  const pool::Kernel* kernel_;
  int64_t chunks_ = 1;
  int partial_ = -1;
};

}  // namespace

std::unique_ptr<Operator> prepare_pool(const Program& program, const Step& step,
                                       PrepareContext& context) {
  if (Attributes(step).flag("planar", false))
    return std::make_unique<PlanarPool>(step, program, context);
  return std::make_unique<Pool>(step, program, context);
}

std::unique_ptr<Operator> prepare_global_pool(const Program& program, const Step& step,
                                              PrepareContext& context) {
  return std::make_unique<GlobalPool>(step, program, context);
}

std::unique_ptr<Operator> prepare_pool_nd(const Program& program, const Step& step,
                                          PrepareContext&) {
  const Attributes attributes(step);
  const Operand x = input(program, step, 0), y = output(program, step, 0),
                indices = output(program, step, 1, false);
  const size_t axes = x.view.rank < 2 ? 0 : static_cast<size_t>(x.view.rank - 2);
  strided::PoolNd nd;
  nd.kernel = attributes.integers("kernel");
  nd.strides = attributes.integers("strides", std::vector<int64_t>(axes, 1));
  nd.dilations = attributes.integers("dilations", std::vector<int64_t>(axes, 1));
  const auto pads = attributes.integers("pads", std::vector<int64_t>(2 * axes, 0));
  if (pads.size() != 2 * axes) attributes.refuse("pads", "must have two entries per axis");
  nd.pads_begin.assign(pads.begin(), pads.begin() + static_cast<int64_t>(axes));
  nd.pads_end.assign(pads.begin() + static_cast<int64_t>(axes), pads.end());
  nd.count_include_pad = attributes.flag("count_include_pad", false);
  nd.p = static_cast<int>(attributes.integer_in("p", 2, 1, INT32_MAX));
  nd.column_major = attributes.integer("storage_order", 0) != 0;
  auto operation = strided::make_pool_nd(
      x.view, y.view, indices.present() ? &indices.view : nullptr, attributes.text("kind"), nd);
  std::vector<Operand> outputs{y};
  if (indices.present()) outputs.push_back(indices);
  return make_strided("pool_nd", std::move(operation), {x}, std::move(outputs));
}

}  // namespace fi::plan
