"""Gathering, scattering, and what depends on data."""

from __future__ import annotations

from math import prod

from fastinfer.graph.attributes import get_int, get_optional_int, get_str, refuse
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import normalize_axis
from fastinfer.graph.infer.context import Context, NeedRun
from fastinfer.graph.infer.registry import infer
from fastinfer.graph.ir import Node, TensorType

_INDICES = (DType.S64, DType.S32)


def _indices(context: Context, i: int, only_s64: bool = False) -> TensorType:
    indices = context.need(i)
    if indices.dtype not in _INDICES or (only_s64 and indices.dtype is not DType.S64):
        wanted = "s64" if only_s64 else "s64 or s32"
        raise context.dtype_error(f"indices must be {wanted}, are {indices.dtype.value}", i)
    return indices


@infer("Gather")
def gather(node: Node, context: Context) -> list[TensorType]:
    data, indices = context.need(0), _indices(context, 1)
    axis = normalize_axis(get_int(node, "axis"), len(data.shape))
    return [TensorType(data.dtype, (*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]))]


@infer("GatherElements")
def gather_elements(node: Node, context: Context) -> list[TensorType]:
    data, indices = context.need(0), _indices(context, 1)
    axis = normalize_axis(get_int(node, "axis"), len(data.shape))
    if len(indices.shape) != len(data.shape) or any(
        i > d for k, (i, d) in enumerate(zip(indices.shape, data.shape, strict=True)) if k != axis
    ):
        raise context.shape_error(f"indices of shape {indices.shape} do not fit data of shape {data.shape}", 1)
    return [TensorType(data.dtype, indices.shape)]


@infer("GatherND")
def gather_nd(node: Node, context: Context) -> list[TensorType]:
    data, indices = context.need(0), _indices(context, 1, only_s64=True)
    batch = get_int(node, "batch_dims")
    if not 0 <= batch < min(len(data.shape), len(indices.shape)):
        raise refuse(node, "batch_dims", f"is {batch}, of {data.shape} and {indices.shape}")
    if data.shape[:batch] != indices.shape[:batch]:
        raise context.shape_error(f"batch axes of {data.shape} and {indices.shape} differ", 1)
    depth = indices.shape[-1]
    if not 1 <= depth <= len(data.shape) - batch:
        raise context.shape_error(f"index tuples of {depth} do not fit data of shape {data.shape}", 1)
    return [TensorType(data.dtype, (*indices.shape[:-1], *data.shape[batch + depth :]))]


@infer("ScatterElements")
def scatter_elements(node: Node, context: Context) -> list[TensorType]:
    data, indices, updates = context.need(0), _indices(context, 1), context.need(2)
    context.same_dtype(0, 2)
    get_str(node, "reduction")
    normalize_axis(get_int(node, "axis"), len(data.shape))
    if updates.shape != indices.shape:
        raise context.shape_error(f"updates have shape {updates.shape}, indices {indices.shape}", 2)
    if len(indices.shape) != len(data.shape):
        raise context.shape_error(f"indices of shape {indices.shape} do not fit data of shape {data.shape}", 1)
    return [data]


@infer("ScatterND")
def scatter_nd(node: Node, context: Context) -> list[TensorType]:
    data, indices, updates = context.need(0), _indices(context, 1, only_s64=True), context.need(2)
    context.same_dtype(0, 2)
    get_str(node, "reduction")
    if not indices.shape or not 1 <= indices.shape[-1] <= len(data.shape):
        raise context.shape_error(f"indices of shape {indices.shape} do not fit data of shape {data.shape}", 1)
    wanted = (*indices.shape[:-1], *data.shape[indices.shape[-1] :])
    if updates.shape != wanted:
        raise context.shape_error(f"updates want shape {wanted}, have {updates.shape}", 2)
    return [data]


@infer("OneHot")
def one_hot(node: Node, context: Context) -> list[TensorType]:
    """indices, depth, and the values (off, on)."""
    indices, values = context.need(0), context.need(2)
    if values.shape != (2,):
        raise context.shape_error(f"wants the two values off and on, has shape {values.shape}", 2)
    depth = context.value(1)
    if depth.size != 1 or depth.dtype.kind not in "iuf" or not 1 <= depth.reshape(-1)[0] <= 1 << 40:
        raise context.shape_error("depth must be one number of at least 1", 1)
    axis = normalize_axis(get_int(node, "axis"), len(indices.shape) + 1)
    return [TensorType(values.dtype, (*indices.shape[:axis], int(depth.reshape(-1)[0]), *indices.shape[axis:]))]


@infer("NonZero")
def nonzero(node: Node, context: Context) -> list[TensorType]:
    context.need(0)
    raise NeedRun(node)


@infer("Compress")
def compress(node: Node, context: Context) -> list[TensorType]:
    x, condition = context.need(0), context.need_bool(1)
    if len(condition.shape) != 1:
        raise context.shape_error(f"the condition wants 1 axis, has shape {condition.shape}", 1)
    axis = get_optional_int(node, "axis")
    size = prod(x.shape) if axis is None else x.shape[normalize_axis(axis, len(x.shape))]
    if condition.shape[0] > size:
        raise context.shape_error(f"the condition has {condition.shape[0]} entries for {size} elements", 1)
    raise NeedRun(node)


@infer("NonMaxSuppression")
def non_max_suppression(node: Node, context: Context) -> list[TensorType]:
    """boxes (batches, boxes, 4), scores (batches, classes, boxes)."""
    boxes, scores = context.need(0), context.need(1)
    for i, tensor in enumerate((boxes, scores)):
        if tensor.dtype is not DType.F32:
            raise context.dtype_error(f"wants f32, got {tensor.dtype.value}", i)
        if len(tensor.shape) != 3:
            raise context.shape_error(f"wants 3 axes, got shape {tensor.shape}", i)
    if boxes.shape[2] != 4 or boxes.shape[0] != scores.shape[0] or boxes.shape[1] != scores.shape[2]:
        raise context.shape_error(f"boxes of shape {boxes.shape} do not fit scores of shape {scores.shape}", 0)
    for i in (2, 3, 4):
        limit = context.type(i)
        if limit is not None and prod(limit.shape) != 1:
            raise context.shape_error(f"wants a single number, has shape {limit.shape}", i)
    raise NeedRun(node)
