"""Sums with a constant for each channel become the bias of the linear operator before."""

from __future__ import annotations

import numpy as np

from fastinfer.graph.ir import Graph, Node
from fastinfer.passes.edit import Editor
from fastinfer.passes.linear import LINEAR, can_scale, channel_vector, output_channels, output_rank, scale, shift


def fuse_bias(graph: Graph) -> None:
    """Add and Sub of constants into the Conv, ConvTranspose or Gemm whose only reader they are."""
    editor = Editor(graph)
    for node in graph.nodes:
        if node.op in ("Add", "Sub"):
            _fuse(node, editor)
    editor.finish()


def _fuse(node: Node, editor: Editor) -> None:
    for i in (0, 1):
        maker = editor.private_producer(node.inputs[i], *LINEAR)
        channels = output_channels(maker, editor) if maker is not None else None
        if maker is None or channels is None:
            continue
        term = channel_vector(editor.constant(node.inputs[1 - i]), channels, output_rank(maker, editor))
        negated = node.op == "Sub" and i == 1  # constant - y
        if term is None or (negated and not can_scale(maker, editor)):
            continue
        if negated:
            scale(maker, np.full(channels, -1.0), editor)
        shift(maker, -term if node.op == "Sub" and i == 0 else term, editor)
        maker.activation = node.activation
        editor.merge(node, into=maker)
        return
