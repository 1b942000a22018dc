"""What is made from shapes and numbers; and Resize."""

from __future__ import annotations

import math

from fastinfer.errors import ShapeError
from fastinfer.graph.attributes import get_dtype, get_int, get_optional_int, get_str, get_tensor, refuse
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import resize_geometry
from fastinfer.graph.infer.context import Context
from fastinfer.graph.infer.registry import ELEMENT_LIMIT, infer
from fastinfer.graph.ir import Node, TensorType


@infer("Shape")
def shape(node: Node, context: Context) -> list[TensorType]:
    x = context.shape(0)
    return [TensorType(DType.S64, (len(x[get_int(node, "start") : get_optional_int(node, "end")]),))]


@infer("ConstantOfShape")
def constant_of_shape(node: Node, context: Context) -> list[TensorType]:
    value = get_tensor(node, "value")
    if value.size != 1:
        raise refuse(node, "value", f"wants one element, has {value.size}")
    target = context.ints(0)
    if any(size < 0 for size in target):
        raise ShapeError(f"a shape has no negative sizes, wants {target}")
    return [TensorType(DType.of(value.dtype), tuple(target))]


@infer("Range")
def range_(node: Node, context: Context) -> list[TensorType]:
    """start, limit, delta: max(ceil((limit - start) / delta), 0) elements."""
    dtype = context.same_dtype(0, 1, 2)
    for i in range(3):
        if context.shape(i) not in ((), (1,)):
            raise context.shape_error(f"wants a scalar, has shape {context.shape(i)}", i)
    start, limit, delta = (context.value(i).reshape(-1)[0].item() for i in range(3))
    if delta == 0 or not all(math.isfinite(v) for v in (start, limit, delta)):
        raise context.shape_error(f"cannot step from {start} to {limit} by {delta}", 2)
    count = -((start - limit) // delta) if isinstance(delta, int) else math.ceil((limit - start) / delta)
    if count > ELEMENT_LIMIT:
        raise context.shape_error(f"{count} steps from {start} to {limit} by {delta} are absurd")
    return [TensorType(dtype, (max(int(count), 0),))]


@infer("EyeLike")
def eye_like(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    if len(x.shape) != 2:
        raise context.shape_error(f"wants a matrix, got shape {x.shape}", 0)
    return [TensorType(get_dtype(node, "dtype") or x.dtype, x.shape)]


@infer("Resize")
def resize(node: Node, context: Context) -> list[TensorType]:
    """x, roi, scales, sizes; roi is read only where tf_crop_and_resize makes it matter."""
    x = context.need(0)
    for name in ("mode", "coordinate_transformation_mode", "nearest_mode"):
        get_str(node, name)
    crops = node.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    roi = context.floats(1) if crops and context.has(1) else None
    scales = context.floats(2) if context.has(2) else None
    sizes = context.ints(3) if context.has(3) else None
    return [TensorType(x.dtype, resize_geometry(node, x.shape, roi, scales, sizes).size)]
