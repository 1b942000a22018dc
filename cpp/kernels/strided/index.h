// Reading and writing through index tensors (s64 or s32). A negative index counts from the end; one
// outside of its axis makes run() return false, and nothing is read or written there. Data and
// result share a dtype.
#pragma once

#include <string_view>

#include "kernels/strided/operation.h"

namespace fi::strided {

/// y[o.., i.., n..] = data[o.., indices[i..], n..]: y's shape is data's with the axis replaced by
/// the indices' shape.
OperationPtr make_gather(const TensorView& data, const TensorView& indices, const TensorView& y,
                         int axis);

/// y[i0, .., ir] = data[i0, .., indices[i0, .., ir] at axis, .., ir]: y has the indices' shape.
OperationPtr make_gather_elements(const TensorView& data, const TensorView& indices,
                                  const TensorView& y, int axis);

/// The last axis of indices holds coordinates into data's axes after batch_dims: ONNX GatherND.
OperationPtr make_gather_nd(const TensorView& data, const TensorView& indices, const TensorView& y,
                            int batch_dims);

/// y = data, then y[.. indices[i] at axis ..] is combined with updates[i], in row-major order of i.
/// reduction: none (last one stays), add, mul, max, min. y must not overlap indices and updates; it
/// may be data itself.
OperationPtr make_scatter_elements(const TensorView& data, const TensorView& indices,
                                   const TensorView& updates, const TensorView& y, int axis,
                                   std::string_view reduction);

/// y = data, then slices of y at the coordinates in indices' last axis are combined with slices of
/// updates: ONNX ScatterND.
OperationPtr make_scatter_nd(const TensorView& data, const TensorView& indices,
                             const TensorView& updates, const TensorView& y,
                             std::string_view reduction);

/// y = off everywhere, on where the index along axis equals indices' value (modulo wrap of
/// negatives; values outside of the axis give a line of off). values (2 elements, y's dtype) holds
/// off, on; indices has y's shape without the axis.
OperationPtr make_one_hot(const TensorView& indices, const TensorView& values, const TensorView& y,
                          int axis);

}  // namespace fi::strided
