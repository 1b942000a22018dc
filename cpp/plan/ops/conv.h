// What the convolution operators share: conv itself, and conv_transpose, each of whose output
// phases is an ordinary convolution.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/activation.h"
#include "base/window.h"
#include "plan/choose.h"
#include "plan/operand.h"
#include "plan/operator.h"
#include "plan/prepare.h"

namespace fi::plan {

/// f32 values known at prepare, or an input tensor of a run; absent if neither.
struct FloatSource {
  std::shared_ptr<const float> constant;
  Operand operand;

  const float* at(const RunContext& context) const {
    return constant ? constant.get() : operand.as<const float>(context);
  }
  bool present() const { return constant || operand.present(); }
};

/// Where the weight of (group, output o of the group, input i of the group, tap row, tap column)
/// stands, in elements.
struct FilterView {
  int64_t start = 0;
  int64_t group, out, in, row, column;

  int64_t at(int64_t g, int64_t o, int64_t i, int64_t y, int64_t x) const {
    return start + g * group + o * out + i * in + y * row + x * column;
  }
  std::string key() const;
};

struct Filter {
  WeightPtr weight;  // known at prepare
  Operand operand;   // or an input of the run
  FilterView view;
};

/// y = activation(convolution(x, filter) + bias + residual), all NHWC; but x may be planar.
struct ConvProblem {
  ImageOperand x, y, residual;
  ImageOperand means;          // of each row of y: (N, C, H, 1)
  int64_t channel_stride = 1;  // of x; other than 1: only direct takes it as it is
  Window window;
  int64_t groups = 1;
  std::vector<int32_t> places;  // input channel c is channel places[c] of x; empty: channel c.
                                // Only pointwise reads through them
  FloatSource bias;
  Activation activation;
  bool thresholded = false;  // a step function follows in the network
  double density = 1;        // share of the weights that are not zero
  int block_outputs = 0;     // of the blocks that the weights are stored in; 0: in none

  int64_t inputs() const {
    return places.empty() ? x.image.channels : static_cast<int64_t>(places.size());
  }
  int64_t group_inputs() const { return inputs() / groups; }
  int64_t group_outputs() const { return y.image.channels / groups; }
  int64_t k() const { return window.taps() * group_inputs(); }
  int64_t pixels() const { return y.image.batch * y.image.height * y.image.width; }
};

/// Chooses an algorithm and prepares it; fills the operator's report but for its bytes.
std::unique_ptr<Operator> make_convolution(const Step& step, const ConvProblem& problem,
                                           const Filter& filter, PrepareContext& context);

enum class LhsSource { pointwise, indirect, im2col };
std::unique_ptr<Operator> make_gemm_convolution(LhsSource source, const ConvProblem& problem,
                                                const Filter& filter, PrepareContext& context);
std::unique_ptr<Operator> make_depthwise_convolution(const ConvProblem& problem,
                                                     const Filter& filter, PrepareContext& context);
std::unique_ptr<Operator> make_grouped_convolution(const ConvProblem& problem, const Filter& filter,
                                                   PrepareContext& context);

std::unique_ptr<Operator> make_mec_convolution(const ConvProblem& problem, const Filter& filter,
                                               PrepareContext& context);

std::unique_ptr<Operator> make_direct_convolution(const ConvProblem& problem, const Filter& filter,
                                                  PrepareContext& context);

/// Copies a planar input, or the channels that are read through places, at each run, for the
/// convolution that `make` makes of the copy.
using ConvolutionMaker = std::function<std::unique_ptr<Operator>(const ConvProblem& interleaved)>;
std::unique_ptr<Operator> make_interleaved_convolution(const ConvProblem& problem,
                                                       PrepareContext& context,
                                                       const ConvolutionMaker& make);

/// m: 2, 4 or 6, as in winograd_f23, ...
std::unique_ptr<Operator> make_winograd_convolution(int m, const ConvProblem& problem,
                                                    const Filter& filter, PrepareContext& context);

std::unique_ptr<Operator> make_fft_convolution(const ConvQuery& query, const ConvProblem& problem,
                                               const Filter& filter, PrepareContext& context);

/// The convolution, and behind it the means of the rows that it wrote: for algorithms that do not
/// make them in passing.
std::unique_ptr<Operator> add_row_means(std::unique_ptr<Operator> convolution,
                                        const ConvProblem& problem, PrepareContext& context);

/// A convolution whose tensors are planar.
std::unique_ptr<Operator> prepare_planar_conv(const Program& program, const Step& step,
                                              PrepareContext& context);

/// The bias of a step: weights[1], or input 3. `channels`: the elements it must have.
FloatSource bias_of(const Program& program, const Step& step, size_t weight, size_t input_number,
                    int64_t channels);

/// The filter as stored, weights[0] or input 2: `out` steps along its first axis and `in` along its
/// second; the group stride is left to the operator. `shape`: its four sizes.
Filter filter_of(const Program& program, const Step& step, int64_t (&shape)[4]);

void check_residual(const Step& step, const ConvProblem& problem);

/// Input rows that output rows [begin, end) of a window read, inside the input.
std::pair<int64_t, int64_t> window_rows(const Window& window, int64_t input_height, int64_t begin,
                                        int64_t end);

}  // namespace fi::plan
