"""Slices of known bounds: what they take, those that take everything, and ranges of channels for passes to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fastinfer.graph.geometry import slice_bounds
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.passes.edit import Editor


def taken(node: Node, editor: Editor, types: Mapping[str, TensorType]) -> list[tuple[int, int, int]] | None:
    """(start, count, step) of each axis of a Slice; None if they are not constant."""
    values = [editor.constant(name) if name else None for name in node.inputs[1:]]
    if any(value is None and name for value, name in zip(values, node.inputs[1:], strict=True)):
        return None
    ints = [None if value is None else [int(v) for v in value.reshape(-1)] for value in values]
    ints += [None] * (4 - len(ints))
    return slice_bounds(types[node.inputs[0]].shape, ints[0] or [], ints[1] or [], ints[2], ints[3])


def eliminate_full_slices(graph: Graph, types: Mapping[str, TensorType]) -> None:
    """Take out the Slices that take everything as it stands."""
    editor = Editor(graph)
    for node in graph.nodes:
        if node.op != "Slice" or node.inputs[0] in graph.weights:
            continue
        if taken(node, editor, types) == [(0, size, 1) for size in types[node.inputs[0]].shape]:
            editor.bypass(node, node.inputs[0])
    editor.finish()


def slice_of_channels(
    source: str, hint: str, start: int, size: int, editor: Editor, types: dict[str, TensorType]
) -> Node:
    """A new Slice, not yet placed in the graph; names of what it makes and reads begin with the hint."""
    inputs = [source]
    for name, numbers in (("starts", [start]), ("ends", [start + size]), ("axes", [1])):
        inputs.append(add_ints(f"{hint}.{name}", numbers, editor, types))
    node = Node("Slice", inputs, [editor.fresh_name(f"{hint}.channels")], name=f"channels({hint})")
    kind = types[source]
    types[node.outputs[0]] = replace(kind, shape=(kind.shape[0], size, *kind.shape[2:]))
    return node


def add_ints(hint: str, numbers: list[int], editor: Editor, types: dict[str, TensorType]) -> str:
    """A new weight of int64."""
    name = editor.add_weight(hint, np.asarray(numbers, np.int64))
    weight = editor.graph.weights[name]
    types[name] = TensorType(weight.dtype, weight.shape)
    return name
