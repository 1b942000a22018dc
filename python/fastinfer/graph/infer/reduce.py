"""Reductions, extreme positions, running sums and TopK."""

from __future__ import annotations

from fastinfer.errors import AttributeValueError
from fastinfer.graph.attributes import get_bool, get_int
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import normalize_axes, normalize_axis, reduced_shape
from fastinfer.graph.infer.context import Context
from fastinfer.graph.infer.registry import infer
from fastinfer.graph.ir import Node, TensorType


@infer(*("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax"))
@infer(*("ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"))
def reduce(node: Node, context: Context) -> list[TensorType]:
    """x and axes; without axes, all of them are reduced, or none if noop_with_empty_axes."""
    x = context.need(0)
    if x.dtype is DType.BOOL and node.op not in ("ReduceMax", "ReduceMin"):
        raise context.dtype_error(f"{node.op} does not take booleans", 0)
    axes = context.ints(1) if context.has(1) else []
    if not axes:
        if get_bool(node, "noop_with_empty_axes"):
            return [x]
        axes = list(range(len(x.shape)))
    return [TensorType(x.dtype, reduced_shape(x.shape, normalize_axes(axes, len(x.shape)), get_bool(node, "keepdims")))]


@infer("ArgMax", "ArgMin")
def arg_extreme(node: Node, context: Context) -> list[TensorType]:
    x = context.shape(0)
    axis = normalize_axis(get_int(node, "axis"), len(x))
    if x[axis] == 0:
        raise context.shape_error(f"axis {axis} of {x} is empty: it has no largest element", 0)
    return [TensorType(DType.S64, reduced_shape(x, (axis,), get_bool(node, "keepdims")))]


@infer("CumSum")
def cumsum(node: Node, context: Context) -> list[TensorType]:
    x, axis = context.need(0), context.need(1)
    if axis.dtype not in (DType.S64, DType.S32):
        raise context.dtype_error(f"wants s64 or s32, got {axis.dtype.value}", 1)
    normalize_axis(context.int_scalar(1), len(x.shape))
    if x.dtype is DType.BOOL:
        raise context.dtype_error("CumSum does not take booleans", 0)
    return [x]


@infer("TopK")
def topk(node: Node, context: Context) -> list[TensorType]:
    """The k largest elements along an axis, and where they stood."""
    x = context.need(0)
    axis = normalize_axis(get_int(node, "axis"), len(x.shape))
    k = context.int_scalar(1)
    if not 0 <= k <= x.shape[axis]:
        raise AttributeValueError(f"k is {k}, but axis {axis} has {x.shape[axis]} elements", tensor=node.input(1))
    shape = (*x.shape[:axis], k, *x.shape[axis + 1 :])
    return [TensorType(x.dtype, shape), TensorType(DType.S64, shape)]
