"""Operators that move elements and leave them as they are."""

from __future__ import annotations

from math import prod

from fastinfer.errors import ShapeError
from fastinfer.graph.attributes import get_bool, get_int, get_ints, get_optional_int, get_str, refuse
from fastinfer.graph.geometry import (
    expand_shape,
    normalize_axis,
    pad_amounts,
    reshape_target,
    slice_bounds,
    split_sizes,
    squeezed_shape,
    unsqueezed_shape,
)
from fastinfer.graph.infer.context import Context
from fastinfer.graph.infer.registry import infer
from fastinfer.graph.ir import Node, TensorType


@infer("Reshape")
def reshape(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    return [TensorType(x.dtype, reshape_target(x.shape, context.ints(1), get_bool(node, "allowzero")))]


@infer("Flatten")
def flatten(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    axis, rank = get_int(node, "axis"), len(x.shape)
    if not -rank <= axis <= rank:
        raise refuse(node, "axis", f"is {axis}, outside of a tensor of {rank} axes")
    axis = axis + rank if axis < 0 else axis
    return [TensorType(x.dtype, (prod(x.shape[:axis]), prod(x.shape[axis:])))]


@infer("Squeeze")
def squeeze(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    axes = context.ints(1) if context.has(1) else None
    return [TensorType(x.dtype, squeezed_shape(x.shape, axes))]


@infer("Unsqueeze")
def unsqueeze(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    return [TensorType(x.dtype, unsqueezed_shape(x.shape, context.ints(1)))]


@infer("Transpose")
def transpose(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    rank = len(x.shape)
    perm = get_ints(node, "perm")
    if perm is None:
        return [TensorType(x.dtype, x.shape[::-1])]
    if sorted(perm) != list(range(rank)):
        raise refuse(node, "perm", f"is {list(perm)}, not an order of {rank} axes")
    return [TensorType(x.dtype, tuple(x.shape[i] for i in perm))]


@infer("Expand")
def expand(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    return [TensorType(x.dtype, expand_shape(x.shape, context.ints(1)))]


@infer("Tile")
def tile(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    repeats = context.ints(1)
    if len(repeats) != len(x.shape) or any(n < 0 for n in repeats):
        raise context.shape_error(f"wants {len(x.shape)} repeats of at least 0, got {repeats}", 1)
    return [TensorType(x.dtype, tuple(size * n for size, n in zip(x.shape, repeats, strict=True)))]


@infer("Concat")
def concat(node: Node, context: Context) -> list[TensorType]:
    first = context.shape(0)
    dtype = context.same_dtype(*range(len(context)))
    axis = normalize_axis(get_int(node, "axis"), len(first))
    rest, total = (first[:axis], first[axis + 1 :]), first[axis]
    for i in range(1, len(context)):
        shape = context.shape(i)
        if len(shape) != len(first) or (shape[:axis], shape[axis + 1 :]) != rest:
            raise context.shape_error(f"shape {shape} does not fit {first} off axis {axis}", i)
        total += shape[axis]
    return [TensorType(dtype, (*rest[0], total, *rest[1]))]


@infer("Split")
def split(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    axis = normalize_axis(get_int(node, "axis"), len(x.shape))
    sizes = context.ints(1) if context.has(1) else None
    parts = get_optional_int(node, "num_outputs") if sizes is None else None
    if parts is not None and parts != len(node.outputs):
        raise refuse(node, "num_outputs", f"is {parts}, but the node has {len(node.outputs)} outputs")
    parted = split_sizes(x.shape[axis], len(node.outputs), sizes)
    return [TensorType(x.dtype, (*x.shape[:axis], size, *x.shape[axis + 1 :])) for size in parted]


@infer("Slice")
def slice_(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    starts, ends = context.ints(1), context.ints(2)
    axes = context.ints(3) if context.has(3) else None
    steps = context.ints(4) if context.has(4) else None
    bounds = slice_bounds(x.shape, starts, ends, axes, steps)
    return [TensorType(x.dtype, tuple(count for _, count, _ in bounds))]


@infer("Pad")
def pad(node: Node, context: Context) -> list[TensorType]:
    """x, pads, value, axes. Only a constant pads an axis that has no elements."""
    x = context.need(0)
    mode = get_str(node, "mode")
    begins, ends = pad_amounts(len(x.shape), context.ints(1), context.ints(3) if context.has(3) else None)
    value = context.type(2)
    if value is not None:
        context.same_dtype(0, 2)
        if prod(value.shape) != 1:
            raise context.shape_error(f"the value is a scalar, has shape {value.shape}", 2)
        context.value(2)
    shape = []
    for axis, (size, begin, end) in enumerate(zip(x.shape, begins, ends, strict=True)):
        padded = size + begin + end
        if padded < 0 or min(begin, end) < -size:
            raise ShapeError(f"pads {begin} and {end} leave nothing of axis {axis} of {x.shape}")
        kept = size + min(begin, 0) + min(end, 0)
        least = 2 if mode == "reflect" else 1
        if mode != "constant" and kept < least and padded > kept:
            raise ShapeError(f"axis {axis} of {x.shape} is too small to pad by {mode}")
        shape.append(padded)
    return [TensorType(x.dtype, tuple(shape))]


@infer("DepthToSpace", "SpaceToDepth")
def depth_space(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    if len(x.shape) != 4:
        raise context.shape_error(f"wants 4 axes, got shape {x.shape}", 0)
    n, c, h, w = x.shape
    b = get_int(node, "blocksize")
    if b < 1:
        raise refuse(node, "blocksize", f"must be at least 1, is {b}")
    if node.op == "DepthToSpace":
        if c % (b * b):
            raise context.shape_error(f"{c} channels do not divide into blocks of {b} x {b}", 0)
        return [TensorType(x.dtype, (n, c // (b * b), h * b, w * b))]
    if h % b or w % b:
        raise context.shape_error(f"a picture of {h} x {w} does not divide into blocks of {b} x {b}", 0)
    return [TensorType(x.dtype, (n, c * b * b, h // b, w // b))]


@infer("Trilu")
def trilu(node: Node, context: Context) -> list[TensorType]:
    x = context.need(0)
    if len(x.shape) < 2:
        raise context.shape_error(f"wants at least 2 axes, got shape {x.shape}", 0)
    if context.has(1):
        context.int_scalar(1)
    return [x]
