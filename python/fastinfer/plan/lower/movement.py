"""Data movement: views wherever strides can say it, else one copy."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np

from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import normalize_axis, pad_amounts, slice_bounds, split_sizes
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.registry import lower
from fastinfer.plan.lower.view import Shape, View


@lower("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def _reshape(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    shape = builder.type(node.outputs[0]).shape
    seen = views.reshape(x, shape)
    if seen is not None:
        builder.define(node.outputs[0], seen)
        return
    target = builder.output(node.outputs[0])
    copy_reshaped(builder, x, target)


def copy_reshaped(builder: Builder, x: View, y: View) -> None:
    """y = x in row-major order, one copy where both can be seen under one shape of at most 8 axes."""
    shape = common_shape(x.shape, y.shape)
    a, b = views.reshape(x, shape), views.reshape(y, shape)
    if a is not None and b is not None and len(shape) <= 8:
        builder.copy(a, b)
        return
    dense = views.reshape(builder.as_plain(x), y.shape)
    assert dense is not None
    builder.copy(dense, y)


def common_shape(a: Shape, b: Shape) -> Shape:
    """The coarsest shape that both can be split into by cutting axes: (6, 4) and (3, 8) give (3, 2, 4).

    Where sizes do not divide one another no such shape exists; axes of the run are then left as in `a`.
    """
    left, right = [n for n in a if n != 1][::-1], [n for n in b if n != 1][::-1]
    if prod(a) == 0 or prod(a) != prod(b):
        return a
    shape = []
    while left:
        n, m = left.pop(), right.pop()
        # outer sizes: the smaller must divide the larger for the larger axis to be cut there
        if n == m:
            shape.append(n)
        elif n < m and m % n == 0:
            shape.append(n)
            right.append(m // n)
        elif m < n and n % m == 0:
            shape.append(m)
            left.append(n // m)
        else:
            return a
    return tuple(shape)


@lower("Transpose")
def _transpose(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    order = attribute(node, "perm")
    builder.define(node.outputs[0], views.permute(x, order if order is not None else range(x.rank)[::-1]))


@lower("Expand")
def _expand(node: Node, builder: Builder) -> None:
    builder.define(node.outputs[0], builder.read_broadcast(node.inputs[0], builder.type(node.outputs[0]).shape))


@lower("Slice")
def _slice(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    starts, ends, axes, steps = (builder.ints(node, i) for i in range(1, 5))
    for axis, (start, size, step) in enumerate(slice_bounds(x.shape, starts or [], ends or [], axes, steps)):
        x = views.slice_axis(x, axis, start, size, step)
    builder.define(node.outputs[0], x)


@lower("Split")
def _split(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    axis = normalize_axis(attribute(node, "axis"), x.rank)
    start = 0
    for name, size in zip(
        node.outputs, split_sizes(x.shape[axis], len(node.outputs), builder.ints(node, 1)), strict=True
    ):
        builder.define(name, views.slice_axis(x, axis, start, size))
        start += size


@lower("Concat")
def _concat(node: Node, builder: Builder) -> None:
    """Free where the inputs were written to slices of one buffer in this order; a copy for each that was not."""
    name = node.outputs[0]
    parts = [builder.read(part) for part in node.inputs]
    axis = normalize_axis(attribute(node, "axis"), parts[0].rank)
    parts = [part for part in parts if part.size]
    if name not in builder.placement and parts:
        joined = _joined(parts, axis)
        if joined is not None:
            builder.define(name, joined)
            return
    y = builder.output(name)
    start = 0
    for part in parts:
        builder.copy(part, views.slice_axis(y, axis, start, part.shape[axis]))
        start += part.shape[axis]


def _joined(parts: list[View], axis: int) -> View | None:
    """The views as one, if each lies right behind the one before along the axis."""
    first = parts[0]
    stride = first.strides[axis]
    if first.shape[axis] == 1:  # its stride says nothing: the next one's offset does
        stride = parts[1].offset - first.offset if len(parts) > 1 else stride
    size = 0
    for part in parts:
        expected = views.slice_axis(first, axis, 0, part.shape[axis])
        strides = list(expected.strides)
        strides[axis] = stride
        expected = View(first.buffer, first.dtype, expected.shape, tuple(strides), first.offset + size * stride)
        if not views.same_elements(part, expected):
            return None
        size += part.shape[axis]
    shape, strides = list(first.shape), list(first.strides)
    shape[axis], strides[axis] = size, stride
    return View(first.buffer, first.dtype, tuple(shape), tuple(strides), first.offset)


@lower("Tile")
def _tile(node: Node, builder: Builder) -> None:
    """The output with each repeated axis as (repeats, size), into which the input is broadcast: one copy."""
    x = builder.read(node.inputs[0])
    repeats = builder.ints(node, 1) or []
    y = builder.output(node.outputs[0])
    if y.size == 0:
        return
    for axis in range(x.rank - 1, -1, -1):
        if repeats[axis] != 1:
            y = views.split_axis(y, axis, (repeats[axis], x.shape[axis]))
            x = views.insert_axis(x, axis)
    builder.copy(views.broadcast(x, y.shape), y)


@lower("DepthToSpace")
def _depth_to_space(node: Node, builder: Builder) -> None:
    """y(c, h b1 b2, w) : x's channels are (b1, b2, c), or (c, b1, b2) in mode CRD."""
    x = builder.read(node.inputs[0])
    b = attribute(node, "blocksize")
    y = builder.output(node.outputs[0])
    y = views.split_axis(views.split_axis(y, 3, (x.shape[3], b)), 2, (x.shape[2], b))  # n c h b1 w b2
    depth = y.shape[1]
    if attribute(node, "mode") == "DCR":
        x = views.permute(views.split_axis(x, 1, (b, b, depth)), (0, 3, 4, 1, 5, 2))
    else:
        x = views.permute(views.split_axis(x, 1, (depth, b, b)), (0, 1, 4, 2, 5, 3))
    builder.copy(x, y)


@lower("SpaceToDepth")
def _space_to_depth(node: Node, builder: Builder) -> None:
    """The inverse of DepthToSpace: y's channels are (b1, b2, c), or (c, b1, b2) in mode CRD."""
    x = builder.read(node.inputs[0])
    b = attribute(node, "blocksize")
    y = builder.output(node.outputs[0])
    x = views.split_axis(views.split_axis(x, 3, (y.shape[3], b)), 2, (y.shape[2], b))  # n c h b1 w b2
    depth = x.shape[1]
    if attribute(node, "mode") == "DCR":
        y = views.permute(views.split_axis(y, 1, (b, b, depth)), (0, 3, 4, 1, 5, 2))
    else:
        y = views.permute(views.split_axis(y, 1, (depth, b, b)), (0, 1, 4, 2, 5, 3))
    builder.copy(x, y)


@lower("Pad")
def _pad(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    begins, ends = pad_amounts(x.rank, builder.ints(node, 1) or [], builder.ints(node, 3))
    y = builder.output(node.outputs[0])
    mode = attribute(node, "mode")
    pads = [*begins, *ends]
    value = builder.known(node, 2) if mode == "constant" else None
    scalar = value.reshape(()) if value is not None else x.dtype.numpy.type(0)
    if x.dtype.is_float:
        builder.step("pad", [x], [y], mode=mode, pads=pads, value=float(scalar))
    else:
        builder.step("pad", [x], [y], mode=mode, pads=pads, value_int=int(scalar))


@lower("Gather")
def _gather(node: Node, builder: Builder) -> None:
    """A view where the indices are known and evenly spaced, else a step."""
    x = builder.read(node.inputs[0])
    axis = normalize_axis(attribute(node, "axis"), x.rank)
    shape = builder.type(node.outputs[0]).shape
    known = builder.value(node.inputs[1])
    if known is not None and known.size and known.ndim <= 1:
        indices = [int(i) + x.shape[axis] * (i < 0) for i in known.reshape(-1)]
        steps = {b - a for a, b in pairwise(indices)} or {1}
        if len(steps) == 1 and steps != {0} and all(0 <= i < x.shape[axis] for i in indices):
            seen = views.slice_axis(x, axis, indices[0], len(indices), steps.pop())
            builder.define(node.outputs[0], views.drop_axis(seen, axis) if known.ndim == 0 else seen)
            return
    indices_view = builder.read(node.inputs[1])
    if indices_view.dtype not in (DType.S64, DType.S32):
        wide = builder.new(DType.S64, indices_view.shape)
        builder.copy(indices_view, wide)
        indices_view = wide
    y = builder.output(node.outputs[0])
    assert y.shape == shape
    builder.step("gather", [x, indices_view], [y], axis=axis)


@lower("Compress")
def _compress(node: Node, builder: Builder) -> None:
    """Of a known condition: the elements gathered that it picks."""
    condition = builder.known(node, 1)
    assert condition is not None
    x = builder.read(node.inputs[0])
    axis = attribute(node, "axis")
    if axis is None:
        flat = views.reshape(builder.as_plain(x), (x.size,))
        assert flat is not None
        x, axis = flat, 0
    indices = builder.constant_array(np.flatnonzero(condition).astype(np.int64))
    builder.step("gather", [x, indices], [builder.output(node.outputs[0])], axis=normalize_axis(axis, x.rank))


@lower("GatherElements")
def _gather_elements(node: Node, builder: Builder) -> None:
    x, indices = (builder.read(name) for name in node.inputs)
    y = builder.output(node.outputs[0])
    builder.step("gather_elements", [x, indices], [y], axis=normalize_axis(attribute(node, "axis"), x.rank))


@lower("GatherND")
def _gather_nd(node: Node, builder: Builder) -> None:
    operands = [builder.read(name) for name in node.inputs]
    y = builder.output(node.outputs[0])
    builder.step("gather_nd", operands, [y], batch_dims=attribute(node, "batch_dims"))


@lower("ScatterElements")
def _scatter_elements(node: Node, builder: Builder) -> None:
    operands = [builder.read(name) for name in node.inputs]
    y = builder.output(node.outputs[0])
    axis = normalize_axis(attribute(node, "axis"), y.rank)
    builder.step("scatter_elements", operands, [y], axis=axis, reduction=attribute(node, "reduction"))


@lower("ScatterND")
def _scatter_nd(node: Node, builder: Builder) -> None:
    operands = [builder.read(name) for name in node.inputs]
    y = builder.output(node.outputs[0])
    builder.step("scatter_nd", operands, [y], reduction=attribute(node, "reduction"))


@lower("OneHot")
def _one_hot(node: Node, builder: Builder) -> None:
    indices, values = builder.read(node.inputs[0]), builder.read(node.inputs[2])
    y = builder.output(node.outputs[0])
    if indices.dtype is not DType.S64:
        wide = builder.new(DType.S64, indices.shape)
        builder.copy(indices, wide)
        indices = wide
    builder.step("one_hot", [indices, values], [y], axis=normalize_axis(attribute(node, "axis"), y.rank))


@lower("Trilu")
def _trilu(node: Node, builder: Builder) -> None:
    diagonal = builder.ints(node, 1) or [0]
    x = builder.read(node.inputs[0])
    upper = bool(attribute(node, "upper"))
    builder.step("trilu", [x], [builder.output(node.outputs[0])], k=diagonal[0], upper=upper)
