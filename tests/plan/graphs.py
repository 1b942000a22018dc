"""A graph's outputs by the reference, node by node, in the element types that it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.ir import Graph
from fastinfer.reference import evaluate

Array = npt.NDArray[Any]


def evaluate_graph(graph: Graph, inputs: dict[str, Array]) -> dict[str, Array]:
    values = {name: weight.dense() for name, weight in graph.weights.items()} | inputs
    for node in graph.nodes:
        results = evaluate(node, [values[name] if name else None for name in node.inputs])
        values.update(zip(node.outputs, (np.asarray(r) for r in results), strict=False))
    return {info.name: values[info.name] for info in graph.outputs}
