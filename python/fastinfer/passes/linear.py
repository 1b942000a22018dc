"""Operators that are linear with constant weights, and the scaling and shifting of their output channels.

y = W x + b    becomes    s y + t = (s W) x + (s b + t)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import DenseWeight
from fastinfer.passes.edit import Editor

LINEAR = ("Conv", "ConvTranspose", "Gemm")

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]


def output_channels(node: Node, editor: Editor) -> int | None:
    """How many, if the weights are constant and of floats; None if the node cannot be scaled or shifted."""
    weight = editor.graph.weights.get(node.inputs[1])
    if weight is None or not weight.dtype.is_float or node.activation is not None or node.input(3):
        return None
    if node.op == "Gemm":
        if len(weight.shape) != 2:
            return None
        channels = weight.shape[0 if attribute(node, "transB") else 1]
        return channels if _gemm_bias_fits(node, channels, editor) else None
    # Shapes that do not fit together are inference's to refuse: nothing is folded into such a node.
    groups = int(attribute(node, "group"))
    if len(weight.shape) < 3 or weight.shape[0] % groups:
        return None
    channels = weight.shape[0] if node.op == "Conv" else weight.shape[1] * groups
    if node.input(2):
        bias = editor.graph.weights.get(node.input(2))
        if bias is None or bias.shape != (channels,):
            return None
    return channels


def output_rank(node: Node, editor: Editor) -> int:
    return len(editor.graph.weights[node.inputs[1]].shape)


def _gemm_bias_fits(node: Node, channels: int, editor: Editor) -> bool:
    """Whether C is absent, a number, or one number for each column."""
    if not node.input(2):
        return True
    c = editor.constant(node.input(2))
    return c is not None and c.shape in ((), (1,), (1, 1), (channels,), (1, channels))


def channel_vector(value: Array | None, channels: int, rank: int) -> Doubles | None:
    """A constant that broadcasts along axis 1 only, as one number for each channel, in float64; None if it does not.

    It must not widen what it broadcasts with: at most `rank` axes, all of one element but the channels'.
    """
    if value is None or value.ndim > rank or value.dtype.kind != "f":
        return None
    shape = (1,) * (rank - value.ndim) + value.shape
    if any(size != 1 for axis, size in enumerate(shape) if axis != 1) or shape[1] not in (1, channels):
        return None
    return np.array(np.broadcast_to(value.reshape(-1).astype(np.float64), (channels,)))


def can_scale(node: Node, editor: Editor) -> bool:
    """Compressed weights are left as they are."""
    return isinstance(editor.graph.weights[node.inputs[1]], DenseWeight)


def scale(node: Node, factor: Doubles, editor: Editor) -> None:
    """The node's output channels times factor. Products are rounded to f32 once."""
    weight = editor.graph.weights[node.inputs[1]].dense()
    wide = weight.astype(np.float64)
    if node.op == "Gemm":
        scaled = wide * (factor[:, None] if attribute(node, "transB") else factor[None, :])
    elif node.op == "Conv":
        scaled = wide * factor.reshape(-1, *(1,) * (weight.ndim - 1))
    else:  # ConvTranspose: (in, out / groups, ...); output channel g * (out / groups) + o is made by group g
        groups = int(attribute(node, "group"))
        grouped = wide.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
        factors = factor.reshape(groups, 1, -1, *(1,) * (weight.ndim - 2))
        scaled = (grouped * factors).reshape(weight.shape)
    editor.set_input(node, 1, editor.add_weight(node.inputs[1], _narrow(scaled, weight)))
    if node.input(2):
        _set_bias(node, _bias(node, len(factor), editor) * factor, editor)


def shift(node: Node, term: Doubles, editor: Editor) -> None:
    """The node's output channels plus term."""
    _set_bias(node, _bias(node, len(term), editor) + term, editor)


def _narrow(values: Doubles, like: Array) -> Array:
    """In the weights' type, but f32 where they were f16: a product of f16 does not fit f16."""
    return values.astype(np.float64 if like.dtype == np.float64 else np.float32)


def _bias(node: Node, channels: int, editor: Editor) -> Doubles:
    value = editor.constant(node.input(2))
    if value is None:
        return np.zeros(channels)
    factor = float(attribute(node, "beta")) if node.op == "Gemm" else 1.0
    return np.broadcast_to(value.reshape(-1).astype(np.float64) * factor, (channels,))


def _set_bias(node: Node, bias: Doubles, editor: Editor) -> None:
    like = editor.graph.weights[node.inputs[1]].dtype
    hint = node.input(2) or f"{node.outputs[0]}.bias"
    array = bias.astype(np.float64 if like.value == "f64" else np.float32)
    editor.set_input(node, 2, editor.add_weight(hint, array))
    if node.op == "Gemm":
        node.attributes = {**node.attributes, "beta": 1.0}
