"""Reductions, arg-reductions, running sums and the k largest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import normalize_axes, normalize_axis
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.pictures import pool_picture
from fastinfer.plan.lower.registry import lower
from fastinfer.plan.lower.view import View

_REDUCE = {
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
    "ReduceMax": "max",
    "ReduceMean": "mean",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceSum": "sum",
    "ReduceSumSquare": "sum_square",
}


def _with_axes(y: View, axes: list[int]) -> View:
    """The output with axes of size 1 where it lost the reduced ones."""
    for axis in sorted(axes):
        y = views.insert_axis(y, axis)
    return y


def reduce_axes(node: Node, builder: Builder, function: str, axes: list[int]) -> None:
    """y = function of x over the axes (counted from 0); y keeps them as ones, or not."""
    x = builder.read(node.inputs[0])
    y = builder.output(node.outputs[0])
    kept = y if y.rank == x.rank else _with_axes(y, axes)
    builder.step("reduce", [x], [kept], function=function, axes=sorted(axes))


@lower(*_REDUCE)
def _reduce(node: Node, builder: Builder) -> None:
    """Means and maxima over height and width of a picture are global pooling; over no axes, the input itself."""
    kind = builder.type(node.inputs[0])
    rank = len(kind.shape)
    given = builder.ints(node, 1)
    axes = list(normalize_axes(given, rank)) if given else []
    if not axes:
        if attribute(node, "noop_with_empty_axes"):
            builder.define(node.outputs[0], builder.read(node.inputs[0]))
            return
        axes = list(range(rank))
    function = _REDUCE[node.op]
    planar = builder.layouts.get(node.inputs[0]) == "planar"
    if rank == 4 and set(axes) == {2, 3} and function in ("mean", "max") and kind.dtype is DType.F32 and not planar:
        _global_pool(node, builder, "average" if function == "mean" else "max")
    else:
        reduce_axes(node, builder, function, axes)


def _global_pool(node: Node, builder: Builder, kind: str) -> None:
    x = builder.read_image(node.inputs[0])
    y = builder.output(node.outputs[0])
    picture = y if y.rank == 4 else _with_axes(y, [2, 3])
    if not views.is_channels_last(picture):  # placed in a strided slice
        dense = builder.new(y.dtype, picture.shape)
        pool_picture(builder, x, views.canonical_channels_last(dense), kind)
        builder.copy(dense, picture)
        return
    pool_picture(builder, x, views.canonical_channels_last(picture), kind)


@lower("ArgMax", "ArgMin")
def _arg_reduce(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    axis = normalize_axis(attribute(node, "axis"), x.rank)
    y = builder.output(node.outputs[0])
    kept = y if y.rank == x.rank else _with_axes(y, [axis])
    function = "max" if node.op == "ArgMax" else "min"
    last = bool(attribute(node, "select_last_index"))
    builder.step("arg_reduce", [x], [kept], function=function, axis=axis, select_last_index=last)


@lower("CumSum")
def _cumsum(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    axes = builder.ints(node, 1) or [0]
    axis = normalize_axis(axes[0], x.rank)
    flags: dict[str, Any] = {name: bool(attribute(node, name)) for name in ("exclusive", "reverse")}
    builder.step("cumsum", [x], [builder.output(node.outputs[0])], axis=axis, **flags)


@lower("TopK")
def _top_k(node: Node, builder: Builder) -> None:
    x = builder.read(node.inputs[0])
    axis = normalize_axis(attribute(node, "axis"), x.rank)
    outputs = []
    for i, name in enumerate(node.outputs):
        outputs.append(builder.output(name) if name else _unread(node, builder, i))
    if len(outputs) == 1:
        outputs.append(_unread(node, builder, 1))
    builder.step("topk", [x], outputs, axis=axis, largest=bool(attribute(node, "largest")), sorted=True)


def _unread(node: Node, builder: Builder, i: int) -> View:
    """Room for the one of values (0) and indices (1) that nobody reads."""
    named = builder.type(next(name for name in node.outputs if name))
    dtype = DType.S64 if i == 1 else builder.type(node.inputs[0]).dtype
    return builder.new(dtype, replace(named, dtype=dtype).shape)
