"""Operators that are compositions of others, written out so that the engine needs no kernel for them.

The formulas are those of the ONNX operator documents.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastinfer.file.onnx.builder import Builder, FileNode
from fastinfer.file.onnx.rules import rule


def _only(node: FileNode, *names: str) -> None:
    """AttributeValueError if attributes other than these are left."""
    for name in node.attributes:
        if name not in names:
            raise node.error(f"attribute {name} of {node.op} is not known")


def _chain(node: FileNode, builder: Builder, op: str, output: str) -> str:
    """op(op(op(a, b), c), d) over all inputs."""
    _only(node)
    total = node.need(0)
    if len(node.inputs) == 1:
        return builder.emit(node, "Identity", [total], output)
    for i in range(1, len(node.inputs)):
        total = builder.emit(node, op, [total, node.need(i)], output if i == len(node.inputs) - 1 else "")
    return total


@rule("Max", "Min")
def extremum(node: FileNode, builder: Builder) -> None:
    if len(node.inputs) == 2:
        builder.keep(node)
    else:
        _chain(node, builder, node.op, node.output())


@rule("Sum")
def sum_(node: FileNode, builder: Builder) -> None:
    _chain(node, builder, "Add", node.output())


@rule("Mean")
def mean(node: FileNode, builder: Builder) -> None:
    total = _chain(node, builder, "Add", "")
    builder.emit(node, "Div", [total, builder.scalar_like(len(node.inputs), node, node.need(0))], node.output())


@rule("Size")
def size(node: FileNode, builder: Builder) -> None:
    shape = builder.emit(node, "Shape", [node.need(0)])
    builder.emit(node, "ReduceProd", [shape], node.output(), keepdims=0)


@rule("Hardmax")
def hardmax(node: FileNode, builder: Builder) -> None:
    """one_hot(argmax(x)); below opset 13 over all axes from `axis` on together."""
    x, flat = node.need(0), node.version < 13
    axis = node.pop_int("axis", 1 if flat else -1)
    _only(node)
    rows = builder.emit(node, "Flatten", [x], axis=axis) if flat else x
    row_axis = 1 if flat else axis
    best = builder.emit(node, "ArgMax", [rows], axis=row_axis, keepdims=0)
    depth = builder.emit(
        node,
        "Gather",
        [builder.emit(node, "Shape", [rows]), builder.constant(row_axis, f"{node.label()}/axis")],
    )
    values = _stacked_like(node, builder, [0.0, 1.0], x)
    hot = builder.emit(node, "OneHot", [best, depth, values], "" if flat else node.output(), axis=row_axis)
    if flat:
        builder.emit(node, "Reshape", [hot, builder.emit(node, "Shape", [x])], node.output())


def _stacked_like(node: FileNode, builder: Builder, values: list[float], like: str) -> str:
    dtype = builder.dtypes.get(like)
    if dtype is not None:
        return builder.constant(values, f"{node.label()}/values", dtype.numpy)
    return builder.emit(node, "CastLike", [builder.constant(values, f"{node.label()}/values", np.float32), like])


@rule("Shrink")
def shrink(node: FileNode, builder: Builder) -> None:
    """x + bias below -lambd, x - bias above lambd, 0 between."""
    x = node.need(0)
    limit, bias = node.pop_float("lambd", 0.5), node.pop_float("bias", 0.0)
    _only(node)

    def part(op: str, inputs: list[str], output: str = "") -> str:
        return builder.emit(node, op, inputs, output)

    shift, zero = builder.scalar_like(bias, node, x), builder.scalar_like(0.0, node, x)
    above = part("Greater", [x, builder.scalar_like(limit, node, x)])
    below = part("Less", [x, builder.scalar_like(-limit, node, x)])
    upper = part("Where", [above, part("Sub", [x, shift]), zero])
    part("Where", [below, part("Add", [x, shift]), upper], node.output())


@rule("Swish")
def swish(node: FileNode, builder: Builder) -> None:
    """x * sigmoid(alpha * x)."""
    x, alpha = node.need(0), node.pop_float("alpha", 1.0)
    _only(node)
    scaled = x if alpha == 1.0 else builder.emit(node, "Mul", [x, builder.scalar_like(alpha, node, x)])
    builder.emit(node, "Mul", [x, builder.emit(node, "Sigmoid", [scaled])], node.output())


@rule("LpNormalization")
def lp_normalization(node: FileNode, builder: Builder) -> None:
    """x / norm(x) along the axis, and 0 where the norm is 0."""
    x, axis, p = node.need(0), node.pop_int("axis", -1), node.pop_int("p", 2)
    _only(node)
    if p not in (1, 2):
        raise node.error(f"attribute p of LpNormalization must be 1 or 2, not {p}")
    axes = builder.constant([axis], f"{node.label()}/axes")
    norm = builder.emit(node, f"ReduceL{p}", [x, axes], keepdims=1)
    is_zero = builder.emit(node, "Equal", [norm, builder.scalar_like(0.0, node, x)])
    divisor = builder.emit(node, "Where", [is_zero, builder.scalar_like(1.0, node, x), norm])
    builder.emit(node, "Div", [x, divisor], node.output())


@rule("MeanVarianceNormalization")
def mean_variance_normalization(node: FileNode, builder: Builder) -> None:
    """(x - mean) / (sqrt(variance) + 1e-9), the variance as mean((x - mean)^2), which cancels nothing."""
    x, axes = node.need(0), node.pop_ints("axes")
    _only(node)
    over = builder.constant([0, 2, 3] if axes is None else axes, f"{node.label()}/axes")
    centred = builder.emit(node, "Sub", [x, builder.emit(node, "ReduceMean", [x, over])])
    variance = builder.emit(node, "ReduceMean", [builder.emit(node, "Mul", [centred, centred]), over])
    deviation = builder.emit(node, "Sqrt", [variance])
    divisor = builder.emit(node, "Add", [deviation, builder.scalar_like(1e-9, node, x)])
    builder.emit(node, "Div", [centred, divisor], node.output())


@rule("GroupNormalization")
def group_normalization(node: FileNode, builder: Builder) -> None:
    """InstanceNormalization over (N, groups, the rest). scale and bias: per channel, below opset 21 per group."""
    x, scale, bias = node.need(0), node.need(1), node.need(2)
    groups, epsilon = node.pop_int("num_groups", None), node.pop_float("epsilon", float(np.float32(1e-5)))
    node.pop_int("stash_type", 1)
    _only(node)
    if groups is None or groups < 1:
        raise node.error("attribute num_groups of GroupNormalization is missing or not positive")
    if groups > 1 << 20:
        raise node.error(f"attribute num_groups of GroupNormalization is {groups}")

    def part(op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        return builder.emit(node, op, inputs, output, **attributes)

    def reshaped(value: str, *sizes: int) -> str:
        return part("Reshape", [value, builder.constant(sizes, f"{node.label()}/shape")])

    rows, shape = reshaped(x, 0, groups, -1), part("Shape", [x])
    if node.version < 21:
        normal = part("InstanceNormalization", [rows, scale, bias], epsilon=epsilon)
        part("Reshape", [normal, shape], node.output())
        return
    like = builder.dtypes.get(x)
    dtype = np.dtype(np.float32) if like is None else like.numpy
    ones = builder.constant(np.ones(groups), f"{node.label()}/ones", dtype)
    zeros = builder.constant(np.zeros(groups), f"{node.label()}/zeros", dtype)
    normal = part("Reshape", [part("InstanceNormalization", [rows, ones, zeros], epsilon=epsilon), shape])
    channels = part("Reshape", [normal, builder.constant([0, 0, -1], f"{node.label()}/shape")])
    scaled = part("Mul", [channels, reshaped(scale, -1, 1)])
    part("Reshape", [part("Add", [scaled, reshaped(bias, -1, 1)]), shape], node.output())
