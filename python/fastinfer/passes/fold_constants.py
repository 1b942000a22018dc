"""Nodes whose inputs are all weights become weights, computed by the reference."""

from __future__ import annotations

from math import prod

import numpy as np

from fastinfer.graph.dtype import DType
from fastinfer.graph.infer import NeedRun, NeedValue, infer_node
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.graph.weight import Array, DenseWeight, Weight
from fastinfer.reference import FUNCTIONS, evaluate

# Operators that only move elements: f16 weights stay f16 through them.
_MOVES = frozenset(
    (
        "Concat",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    )
)
GROWTH_LIMIT = 1 << 20  # bytes that a folded node's outputs may exceed its inputs by


def fold_constants(graph: Graph) -> None:
    """Fold in order, so that chains fold whole. What would grow the model by more than GROWTH_LIMIT bytes stays."""
    kept = []
    for node in graph.nodes:
        values = fold(node, graph.weights) if foldable(node, graph.weights) else None
        if values is None:
            kept.append(node)
            continue
        for name, value in zip(node.outputs, values, strict=False):
            if name:
                graph.weights[name] = DenseWeight(np.require(value, requirements="C"))
    graph.nodes = kept


def _elements(weight: Weight, node: Node) -> Array:
    """An f16 weight stands for f32 values (see widen_half)."""
    array = weight.dense()
    return array.astype(np.float32) if array.dtype == np.float16 and node.op not in _MOVES else array


def foldable(node: Node, weights: dict[str, Weight]) -> bool:
    return all(not name or isinstance(weights.get(name), DenseWeight) for name in node.inputs)


def fold(node: Node, weights: dict[str, Weight]) -> tuple[Array, ...] | None:
    """The node's outputs, or None if it has no reference or makes too much."""
    if node.op not in FUNCTIONS:
        return None
    arrays = [_elements(weights[name], node) if name else None for name in node.inputs]
    named = {name: array for name, array in zip(node.inputs, arrays, strict=True) if array is not None}
    types = {name: TensorType(DType.of(array.dtype), tuple(array.shape)) for name, array in named.items()}
    try:
        outputs = infer_node(node, types, named.get)
    except (NeedRun, NeedValue):
        if sum(array.nbytes for array in named.values()) > GROWTH_LIMIT:
            return None  # NonZero and the like make a few times their input's bytes
    else:
        size = sum(prod(kind.shape) * kind.dtype.numpy.itemsize for kind in outputs)
        if size > sum(array.nbytes for array in named.values()) + GROWTH_LIMIT:
            return None
    return evaluate(node, arrays)
