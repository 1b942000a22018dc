// A convolution of a planar input, or of channels that are read through places, by an algorithm
// that needs its channels side by side, in order: they are copied so at each run.
#include "parallel/pool.h"
#include "plan/ops/conv.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

// The input as (N, H, W, C).
Operand channels_last(const ConvProblem& p) {
  const Image<float>& x = p.x.image;
  Operand operand{p.x.buffer, p.x.offset_bytes, {}};
  operand.view = {nullptr,
                  DType::f32,
                  4,
                  {x.batch, x.height, x.width, x.channels},
                  {x.batch_stride, x.row_stride, x.pixel_stride, p.channel_stride}};
  return operand;
}

class InterleavedConvolution final : public Operator {
 public:
  InterleavedConvolution(const ConvProblem& problem, PrepareContext& context,
                         const ConvolutionMaker& make)
      : x_(problem.x), channel_stride_(problem.channel_stride), places_(problem.places) {
    ConvProblem interleaved = problem;
    Image<float>& x = interleaved.x.image;
    x.channels = x.pixel_stride = problem.inputs();
    x.row_stride = x.width * x.pixel_stride;
    x.batch_stride = x.height * x.row_stride;
    if (places_.empty()) {
      input_ = Contiguous(channels_last(problem), context);
      buffer_ = input_.buffer();
    } else {
      buffer_ = context.workspace(x.batch * x.batch_stride * static_cast<int64_t>(sizeof(float)));
    }
    interleaved.x.buffer = buffer_;
    interleaved.x.offset_bytes = 0;
    interleaved.channel_stride = 1;
    interleaved.places.clear();
    convolution_ = make(interleaved);
    report_ = convolution_->report();
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    if (places_.empty()) {
      input_.copy_at_run(context);
    } else {
      pick(context);
    }
    convolution_->run(context, rows);
  }
  int64_t scratch_bytes() const override { return convolution_->scratch_bytes(); }

 private:
  void pick(const RunContext& context) const {
    const Image<const float> x = x_.at<const float>(context);
    const int64_t count = static_cast<int64_t>(places_.size());
    float* const picked = reinterpret_cast<float*>(context.buffers[buffer_]);
    parallel_for(context.threads, x.batch * x.height, [&](int, int64_t line) {
      const float* pixel = x.pixel(line / x.height, line % x.height, 0);
      float* out = picked + line * x.width * count;
      for (int64_t w = 0; w < x.width; ++w, pixel += x.pixel_stride, out += count) {
        for (int64_t c = 0; c < count; ++c) out[c] = pixel[places_[c] * channel_stride_];
      }
    });
  }

  const ImageOperand x_;
  const int64_t channel_stride_;
  const std::vector<int32_t> places_;
  Contiguous input_;  // where there are no places
  int buffer_ = -1;
  std::unique_ptr<Operator> convolution_;
};

}  // namespace

std::unique_ptr<Operator> make_interleaved_convolution(const ConvProblem& problem,
                                                       PrepareContext& context,
                                                       const ConvolutionMaker& make) {
  return std::make_unique<InterleavedConvolution>(problem, context, make);
}

}  // namespace fi::plan
