"""Slices and Splits of the channels of a shuffle's result, taken before the last Reshape joins them.

    Split(Reshape(t: (N,k,g,H,W) -> (N,k g,H,W)))  ->  Reshape(Slice(t)) for each part

Each part is then copied once, to its own place, and the shuffled tensor as a whole never exists.
"""

from __future__ import annotations

import numpy as np

from fastinfer.graph.geometry import normalize_axis, split_sizes
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.passes.channel_shuffle import find_shuffle
from fastinfer.passes.edit import Editor
from fastinfer.passes.slices import add_ints, slice_of_channels, taken


def split_before_join(graph: Graph, types: dict[str, TensorType]) -> None:
    """Where every reader of a shuffled value takes a range of whole columns of channels."""
    editor = Editor(graph)
    made: dict[int, list[Node]] = {}  # by the node that they replace
    for node in graph.nodes:
        shuffle = find_shuffle(node, editor, types)
        if shuffle is None or node.outputs[0] in editor.outputs:
            continue
        readers = editor.consumers(node.outputs[0])
        parts = [parts_of(reader, node.outputs[0], types, editor) for reader in readers]
        parts = [p and [o for o in p if editor.consumers(o[0]) or o[0] in editor.outputs] for p in parts]
        if not readers or any(part is None for part in parts):
            continue
        if any(start % shuffle.groups or size % shuffle.groups for part in parts for _, start, size in part or []):
            continue
        for reader, part in zip(readers, parts, strict=True):
            made[id(reader)] = [
                new
                for name, start, size in part or []
                for new in _slice(node.inputs[0], name, start // shuffle.groups, size // shuffle.groups, editor, types)
            ]
        made[id(node)] = []
    graph.nodes = [new for node in graph.nodes for new in made.get(id(node), [node])]


def parts_of(node: Node, name: str, types: dict[str, TensorType], editor: Editor) -> list[tuple[str, int, int]] | None:
    """(output, first channel, channels) of each output, if the node cuts channels and nothing else."""
    shape = types[name].shape
    if node.inputs[0] != name or node.inputs.count(name) != 1:
        return None
    if node.op == "Split" and normalize_axis(attribute(node, "axis"), 4) == 1:
        given = editor.constant(node.input(1))
        if given is None and node.input(1):
            return None
        sizes = split_sizes(shape[1], len(node.outputs), None if given is None else [int(v) for v in given])
        starts = np.cumsum([0, *sizes[:-1]]).tolist()
        return list(zip(node.outputs, starts, sizes, strict=True))
    if node.op == "Slice":
        bounds = taken(node, editor, types)
        if bounds is None:
            return None
        start, size, step = bounds[1]
        if step == 1 and all(bounds[axis] == (0, shape[axis], 1) for axis in (0, 2, 3)):
            return [(node.outputs[0], start, size)]
    return None


def _slice(source: str, target: str, start: int, size: int, editor: Editor, types: dict[str, TensorType]) -> list[Node]:
    cut = slice_of_channels(source, target, start, size, editor, types)
    shape = add_ints(f"{target}.shape", list(types[target].shape), editor, types)
    return [cut, Node("Reshape", [cut.outputs[0], shape], [target], {"allowzero": 1}, name=f"shuffle({target})")]
