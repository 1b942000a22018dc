// softmax, layer_norm, instance_norm, lrn.
#include "kernels/normalize/normalize.h"

#include "base/error.h"
#include "kernels/softmax/softmax.h"
#include "plan/attributes.h"
#include "plan/ops/rows.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

class Softmax final : public Operator {
 public:
  Softmax(const Step& step, const Program& program, PrepareContext& context)
      : x_(input(program, step, 0)), y_(output(program, step, 0)) {
    const Attributes attributes(step);
    const auto* kernel = softmax::find(attributes.flag("log", false), context.features());
    loop_ = softmax::prepare(*kernel, x_.view, y_.view, attributes.axis(x_.view.rank, -1));
    report_.algorithm = loop_.columns ? "columns" : "rows";
    report_.kernel = kernel->info.name;
  }

  void run(const RunContext& context, const RowRange&) const override {
    const float* x = x_.as<float>(context);
    float* y = y_.as<float>(context);
    for_each_range(context, loop_.tasks,
                   [&](int, int64_t begin, int64_t end) { softmax::run(loop_, x, y, begin, end); });
  }

 private:
  const Operand x_, y_;
  softmax::Loop loop_;
};

class LayerNorm final : public Operator {
 public:
  LayerNorm(const Step& step, const Program& program, PrepareContext& context)
      : x_(input(program, step, 0)),
        y_(output(program, step, 0)),
        mean_(output(program, step, 1, false)),
        inv_std_(output(program, step, 2, false)) {
    const Attributes attributes(step);
    const Operand scale = input(program, step, 1), bias = input(program, step, 2, false);
    const auto* kernel = normalize::find(normalize::Function::layer_norm, context.features());
    norm_ =
        normalize::prepare_layer_norm(*kernel, x_.view, y_.view, attributes.axis(x_.view.rank, -1),
                                      static_cast<float>(attributes.real("epsilon", 1e-5)));
    const auto has_elements = [&](const Operand& operand, int64_t count) {
      return !operand.present() || element_count(operand.view) == count;
    };
    require(has_elements(scale, norm_.n) && has_elements(bias, norm_.n) &&
                has_elements(mean_, norm_.tasks) && has_elements(inv_std_, norm_.tasks),
            step, ErrorKind::shape, "scale, bias, mean or inv_std has the wrong size");
    for (const Operand* statistic : {&mean_, &inv_std_}) {
      require(!statistic->present() ||
                  (statistic->view.dtype == DType::f32 && is_contiguous(statistic->view)),
              step, ErrorKind::unsupported, "mean and inv_std must be contiguous f32");
    }
    scale_ = Contiguous(scale, context);
    bias_ = Contiguous(bias, context);
    report_.algorithm = norm_.gathers ? "gathered rows" : "rows";
    report_.kernel = kernel->info.name;
  }

  void run(const RunContext& context, const RowRange&) const override {
    scale_.copy_at_run(context);
    bias_.copy_at_run(context);
    for_each_range(context, norm_.tasks, [&](int worker, int64_t begin, int64_t end) {
      normalize::run(norm_, x_.as<float>(context), y_.as<float>(context), scale_.at(context),
                     bias_.at(context), mean_.as<float>(context), inv_std_.as<float>(context),
                     context.scratch[worker], begin, end);
    });
  }
  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(normalize::scratch_bytes(norm_));
  }

 private:
  const Operand x_, y_, mean_, inv_std_;
  normalize::LayerNorm norm_;
  Contiguous scale_, bias_;
};

class InstanceNorm final : public Operator {
 public:
  InstanceNorm(const Step& step, const Program& program, PrepareContext& context)
      : x_(as_image(step, input(program, step, 0))),
        y_(as_image(step, output(program, step, 0))),
        kernel_(normalize::find(normalize::Function::instance_norm, context.features())),
        epsilon_(static_cast<float>(Attributes(step).real("epsilon", 1e-5))) {
    const Operand scale = input(program, step, 1), bias = input(program, step, 2);
    const Image<float>&x = x_.image, &y = y_.image;
    require(x.batch == y.batch && x.channels == y.channels && x.height == y.height &&
                x.width == y.width && element_count(scale.view) == x.channels &&
                element_count(bias.view) == x.channels,
            step, ErrorKind::shape, "shapes do not fit together");
    scale_ = Contiguous(scale, context);
    bias_ = Contiguous(bias, context);
    chunks_ = normalize::instance_chunks(x.height, x.width, x.channels);
    workspace_ = context.workspace(normalize::instance_workspace(x_constant()) *
                                   static_cast<int64_t>(sizeof(float)));
    report_.algorithm = "moments";
    report_.kernel = kernel_->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    scale_.copy_at_run(context);
    bias_.copy_at_run(context);
    const normalize::InstanceNorm norm{kernel_,
                                       x_.at<const float>(context),
                                       y_.at<float>(context),
                                       scale_.at(context),
                                       bias_.at(context),
                                       epsilon_};
    float* workspace = reinterpret_cast<float*>(context.buffers[workspace_]);
    for_each_range(context, x_.image.batch * chunks_, [&](int, int64_t begin, int64_t end) {
      normalize::instance_moments(norm, workspace, begin, end);
    });
    for_each_range(context, x_.image.batch, [&](int, int64_t begin, int64_t end) {
      normalize::instance_combine(norm, workspace, begin, end);
    });
    for_each_rows(context, rows, [&](int, const RowRange& part) {
      normalize::instance_apply(norm, workspace, part);
    });
  }

 private:
  Image<const float> x_constant() const {
    const Image<float>& x = x_.image;
    return {nullptr,    x.batch,        x.height,     x.width,
            x.channels, x.batch_stride, x.row_stride, x.pixel_stride};
  }

  const ImageOperand x_, y_;
  const normalize::Kernel* const kernel_;
  const float epsilon_;
  Contiguous scale_, bias_;
  int64_t chunks_ = 1;
  int workspace_ = -1;
};

class Lrn final : public Operator {
 public:
  Lrn(const Step& step, const Program& program, PrepareContext& context)
      : x_(as_image(step, input(program, step, 0))),
        y_(as_image(step, output(program, step, 0))),
        kernel_(normalize::find(normalize::Function::lrn, context.features())) {
    const Attributes attributes(step);
    lrn_.size = static_cast<int32_t>(attributes.integer_in("size", 5, 1, 1 << 20));
    lrn_.alpha = static_cast<float>(attributes.real("alpha", 1e-4));
    lrn_.beta = static_cast<float>(attributes.real("beta", 0.75));
    lrn_.bias = static_cast<float>(attributes.real("bias", 1));
    require(same_shape(input(program, step, 0).view, output(program, step, 0).view), step,
            ErrorKind::shape, "input and output differ in shape");
    report_.algorithm = "pixels";
    report_.kernel = kernel_->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    const auto x = x_.at<const float>(context);
    const auto y = y_.at<float>(context);
    for_each_rows(context, rows, [&](int worker, const RowRange& part) {
      normalize::run(*kernel_, lrn_, x, y, part, context.scratch[worker]);
    });
  }
  bool striped() const override { return true; }
  int64_t scratch_bytes() const override {
    return static_cast<int64_t>(normalize::scratch_bytes(lrn_, x_.image.channels));
  }

 private:
  const ImageOperand x_, y_;
  const normalize::Kernel* const kernel_;
  normalize::Lrn lrn_;
};

}  // namespace

std::unique_ptr<Operator> prepare_softmax(const Program& program, const Step& step,
                                          PrepareContext& context) {
  return std::make_unique<Softmax>(step, program, context);
}

std::unique_ptr<Operator> prepare_layer_norm(const Program& program, const Step& step,
                                             PrepareContext& context) {
  return std::make_unique<LayerNorm>(step, program, context);
}

std::unique_ptr<Operator> prepare_instance_norm(const Program& program, const Step& step,
                                                PrepareContext& context) {
  return std::make_unique<InstanceNorm>(step, program, context);
}

std::unique_ptr<Operator> prepare_lrn(const Program& program, const Step& step,
                                      PrepareContext& context) {
  return std::make_unique<Lrn>(step, program, context);
}

}  // namespace fi::plan
