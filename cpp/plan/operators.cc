// clang-format off
// Every operator that lowering may emit. Tensors are strided views; those of the operators marked NHWC are f32 of rank
// 4 with contiguous channels. -1 stands for an absent input.
//
//   conv            [x, residual, w, bias] -> [y, means] NHWC; weights [w OIHW, bias]. strides dilations pads(top left
//                   bottom right) groups places thresholded activation activation_alpha
//                   activation_beta. A null weight is an input, packed at
//                   each run. places: the channels of x that conv reads, in order; none: all.
//                   means (N, C, H, 1): of each row of y; need not be there
//   conv_transpose  the same without means; w is (C_in, C_out / groups, H, W)
//   matmul          [a (.., M, K), b (.., K, N), bias (N), residual (.., M, N)] -> [y]; weights [b, bias]. trans_b (of
//                   a weight) alpha activation.. Batch axes are broadcast by stride 0.
//   pool            NHWC. kind(max average lp) kernel strides dilations pads count_include_pad p
//                   planar: planes, max or average
//   pool_nd         [x] -> [y, indices s64] any rank, dtype. the same, n entries (pads: begins, ends), storage_order
//   global_pool     NHWC -> (N, C, 1, 1). kind(max average)
//   unary           [x] -> [y]. function alpha beta
//   binary          [a, b] -> [y] of one shape. function activation..
//   where           [condition, a, b] -> [y]
//   softmax         [x] -> [y] f32. axis log
//   layer_norm      [x, scale, bias] -> [y, mean, inv_std] f32. axis epsilon
//   instance_norm   [x, scale, bias] -> [y] NHWC. epsilon
//   lrn             NHWC. size alpha beta bias
//   resize          NHWC. mode coordinate_mode nearest_mode scales[2] roi[4] extrapolation_value cubic_coeff_a
//                   exclude_outside antialias
//   copy            [x] -> [y] of one shape, casts
//   fill            [] -> [y]. value (real) or value_int
//   pad             [x] -> [y]. mode(constant reflect edge wrap) pads value or value_int
//   reduce          [x] -> [y], 1 at the reduced axes. function
//   arg_reduce      [x] -> [y s64], 1 at the axis. function(max min) axis select_last_index
//   cumsum          [x] -> [y]. axis exclusive reverse
//   gather          [data, indices] -> [y]. axis
//   gather_elements [data, indices] -> [y]. axis
//   gather_nd       [data, indices] -> [y]. batch_dims
//   scatter_elements [data, indices, updates] -> [y]. axis reduction
//   scatter_nd      [data, indices, updates] -> [y]. reduction
//   one_hot         [indices, values] -> [y]. axis
//   trilu           [x] -> [y]. k upper
//   topk            [x] -> [values, indices s64]. axis largest
// clang-format on
#include <algorithm>
#include <iterator>

#include "plan/operator.h"

// clang-format off
#define FI_OPERATORS(X) \
  X(conv) X(conv_transpose) X(matmul) \
  X(pool) X(pool_nd) X(global_pool) X(resize) \
  X(unary) X(binary) X(where) X(softmax) X(layer_norm) X(instance_norm) X(lrn) \
  X(copy) X(fill) X(pad) X(reduce) X(arg_reduce) X(cumsum) X(trilu) X(topk) \
  X(gather) X(gather_elements) X(gather_nd) X(scatter_elements) X(scatter_nd) X(one_hot)
// clang-format on

namespace fi::plan {

#define FI_DECLARE(name) \
  std::unique_ptr<Operator> prepare_##name(const Program&, const Step&, PrepareContext&);
FI_OPERATORS(FI_DECLARE)
#undef FI_DECLARE

namespace {

const OperatorRow kOperators[] = {
#define FI_ROW(name) {#name, &prepare_##name},
    FI_OPERATORS(FI_ROW)
#undef FI_ROW
};

}  // namespace

const OperatorRow* find_operator(const std::string& op) {
  const auto* found = std::find_if(std::begin(kOperators), std::end(kOperators),
                                   [&](const OperatorRow& row) { return op == row.op; });
  return found == std::end(kOperators) ? nullptr : found;
}

}  // namespace fi::plan
