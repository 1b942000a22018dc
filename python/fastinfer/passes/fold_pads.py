"""Zeros laid around a picture by Pad become the padding of the convolution that reads it."""

from __future__ import annotations

from fastinfer.graph.ir import Graph, Node
from fastinfer.graph.operators import attribute
from fastinfer.passes.edit import Editor


def fold_pads(graph: Graph) -> None:
    """Fold constant Pads of height and width, by zeros, into the Conv that is their only reader."""
    editor = Editor(graph)
    for node in graph.nodes:
        pads = _zeros_around(node, editor)
        conv = editor.sole_consumer(node.outputs[0]) if pads else None
        if pads is None or conv is None or conv.op != "Conv" or conv.inputs[0] != node.outputs[0]:
            continue
        rank = len(pads) // 2
        if attribute(conv, "auto_pad") != "NOTSET" or not _of_rank(conv, rank, editor):
            continue
        own = attribute(conv, "pads") or [0] * len(pads)
        conv.attributes = {**conv.attributes, "pads": [a + b for a, b in zip(own, pads, strict=True)]}
        editor.bypass(node, node.inputs[0])
    editor.finish()


def _of_rank(conv: Node, spatial: int, editor: Editor) -> bool:
    weight = editor.graph.weights.get(conv.inputs[1])
    return weight is not None and len(weight.shape) == spatial + 2


def _zeros_around(node: Node, editor: Editor) -> list[int] | None:
    """The pads of the spatial axes, begins then ends, if the node adds zeros there and nothing anywhere else."""
    if node.op != "Pad" or attribute(node, "mode") != "constant" or node.input(3):
        return None
    known = editor.constant(node.inputs[1])
    value = editor.constant(node.input(2))
    if known is None or (node.input(2) and (value is None or value.reshape(-1)[0] != 0)):
        return None
    pads = [int(v) for v in known.reshape(-1)]
    rank = len(pads) // 2
    if rank < 3 or any(pads[axis] for axis in (0, 1, rank, rank + 1)) or min(pads) < 0:
        return None
    return [*pads[2:rank], *pads[rank + 2 :]]
