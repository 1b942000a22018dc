// A convolution of a planar or shuffled input by an algorithm that needs its channels side by side,
// in order: the input is copied so at each run.
#include "plan/ops/conv.h"
#include "plan/ops/strided_operator.h"

namespace fi::plan {
namespace {

// The input as (N, H, W, C), or (N, H, W, C / shuffle, shuffle).
Operand channels_last(const ConvProblem& p) {
  const Image<float>& x = p.x.image;
  Operand operand{p.x.buffer, p.x.offset_bytes, {}};
  operand.view = {nullptr,
                  DType::f32,
                  4,
                  {x.batch, x.height, x.width, x.channels},
                  {x.batch_stride, x.row_stride, x.pixel_stride, p.channel_stride}};
  if (p.shuffle != 1) {
    operand.view.rank = 5;
    operand.view.shape[3] = x.channels / p.shuffle;
    operand.view.shape[4] = p.shuffle;
    operand.view.stride[4] = x.channels / p.shuffle * p.channel_stride;
  }
  return operand;
}

class InterleavedConvolution final : public Operator {
 public:
  InterleavedConvolution(const ConvProblem& problem, PrepareContext& context,
                         const ConvolutionMaker& make)
      : input_(channels_last(problem), context) {
    ConvProblem interleaved = problem;
    Image<float>& x = interleaved.x.image;
    x.pixel_stride = x.channels;
    x.row_stride = x.width * x.pixel_stride;
    x.batch_stride = x.height * x.row_stride;
    interleaved.x.buffer = input_.buffer();
    interleaved.x.offset_bytes = 0;
    interleaved.channel_stride = interleaved.shuffle = 1;
    convolution_ = make(interleaved);
    report_ = convolution_->report();
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    input_.copy_at_run(context);
    convolution_->run(context, rows);
  }
  int64_t scratch_bytes() const override { return convolution_->scratch_bytes(); }

 private:
  const Contiguous input_;
  std::unique_ptr<Operator> convolution_;
};

}  // namespace

std::unique_ptr<Operator> make_interleaved_convolution(const ConvProblem& problem,
                                                       PrepareContext& context,
                                                       const ConvolutionMaker& make) {
  return std::make_unique<InterleavedConvolution>(problem, context, make);
}

}  // namespace fi::plan
