"""Gates of squeeze-and-excitation (Hu et al. 2018): a factor for each channel, computed from the channels themselves.

    conv(x * gate, w)  ->  conv(x, w * gate)

where the weights of a 1x1 convolution are much smaller than x, which is then neither read nor written once more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import DenseWeight
from fastinfer.passes.edit import Editor

_PASSES = 3  # over scaled weights: written, read, and written again as the product wants them


def fold_gates(graph: Graph, types: dict[str, TensorType]) -> None:
    """One gate for all images, so a batch of one; where the weights have under a third of x's elements."""
    editor = Editor(graph)
    for node in graph.nodes:
        conv = editor.sole_consumer(node.outputs[0]) if node.op == "Mul" and node.activation is None else None
        if conv is None or not _scalable(conv, node.outputs[0], editor, types):
            continue
        for i in (0, 1):
            x, gate = types[node.inputs[i]].shape, types[node.inputs[1 - i]].shape
            if x == types[node.outputs[0]].shape and gate == (1, x[1], 1, 1) and node.inputs[1 - i] in editor.producers:
                weights = conv.inputs[1]
                scaled = editor.fresh_name(f"{weights}.gated")
                types[scaled] = types[weights]
                editor.set_input(conv, 0, node.inputs[i])
                editor.set_input(conv, 1, scaled)
                editor.set_input(node, i, weights)
                editor.set_output(node, 0, scaled)
                break
    editor.finish()


def _scalable(conv: Node, x: str, editor: Editor, types: Mapping[str, TensorType]) -> bool:
    if conv.op != "Conv" or conv.inputs[0] != x or "places" in conv.attributes:
        return False
    weights = editor.graph.weights.get(conv.inputs[1])
    if not isinstance(weights, DenseWeight) or weights.dtype is not DType.F32 or attribute(conv, "group") != 1:
        return False
    pointwise = len(weights.shape) == 4 and math.prod(weights.shape[2:]) == 1
    return pointwise and math.prod(weights.shape) * _PASSES < math.prod(types[x].shape)
