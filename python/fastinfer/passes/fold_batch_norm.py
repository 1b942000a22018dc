"""Batch normalisation, and products with a constant for each channel, folded into the linear operator before.

W' = W * s / sqrt(var + eps)      b' = (b - mean) * s / sqrt(var + eps) + shift
"""

from __future__ import annotations

import numpy as np

from fastinfer.graph.ir import Graph, Node
from fastinfer.graph.operators import attribute
from fastinfer.passes.edit import Editor
from fastinfer.passes.linear import (
    LINEAR,
    Doubles,
    can_scale,
    channel_vector,
    output_channels,
    output_rank,
    scale,
    shift,
)


def fold_batch_norm(graph: Graph) -> None:
    """Fold BatchNormalization, and Mul and Div by constants, into the linear operator whose only reader they are."""
    editor = Editor(graph)
    for node in graph.nodes:
        if node.op == "BatchNormalization":
            _fold_norm(node, editor)
        elif node.op in ("Mul", "Div") and node.activation is None:
            _fold_product(node, editor)
    editor.finish()


def _fold_norm(node: Node, editor: Editor) -> None:
    maker = editor.private_producer(node.inputs[0], *LINEAR)
    parameters = [editor.constant(name) for name in node.inputs[1:]]
    if maker is None or any(value is None for value in parameters):
        return
    channels = output_channels(maker, editor)
    if channels is None or not can_scale(maker, editor):
        return
    scale_, shift_, mean, variance = (np.asarray(value, np.float64) for value in parameters)
    if any(value.shape != (channels,) for value in (scale_, shift_, mean, variance)):
        return  # inference refuses it with its reason
    factor = scale_ / np.sqrt(variance + float(attribute(node, "epsilon")))
    if not np.isfinite(factor).all():
        return
    scale(maker, factor, editor)
    shift(maker, shift_ - mean * factor, editor)
    maker.activation = node.activation
    editor.merge(node, into=maker)


def _fold_product(node: Node, editor: Editor) -> None:
    for i in (0, 1) if node.op == "Mul" else (0,):
        maker = editor.private_producer(node.inputs[i], *LINEAR)
        if maker is None:
            continue
        factor = _factor(node, node.inputs[1 - i], maker, editor)
        if factor is not None:
            scale(maker, factor, editor)
            editor.merge(node, into=maker)
            return


def _factor(node: Node, name: str, maker: Node, editor: Editor) -> Doubles | None:
    channels = output_channels(maker, editor)
    if channels is None or not can_scale(maker, editor):
        return None
    factor = channel_vector(editor.constant(name), channels, output_rank(maker, editor))
    if factor is not None and node.op == "Div":
        with np.errstate(divide="ignore"):
            factor = 1.0 / factor
    return factor if factor is not None and np.isfinite(factor).all() else None
