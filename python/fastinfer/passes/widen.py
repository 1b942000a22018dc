"""Half precision: values are computed in f32, weights stay f16 as stored, and f16 exists at the graph's edges only."""

from __future__ import annotations

import numpy as np

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node
from fastinfer.graph.weight import DenseWeight

_WEIGHTY = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}  # operators, and the input that is a large weight


def widen_half(graph: Graph) -> None:
    """Make every f16 value f32, if there are any.

    A graph input that is f16 is cast after it comes in and an output before it goes out. A Cast to f16 inside still
    rounds: it is followed by one back to f32. After this pass a weight that is f16 stands for f32 values.
    """
    half = [name for name, weight in graph.weights.items() if weight.dtype is DType.F16]
    casts = any(node.op == "Cast" and node.attributes.get("to") is DType.F16 for node in graph.nodes)
    if not half and not casts and all(info.dtype is not DType.F16 for info in (*graph.inputs, *graph.outputs)):
        return
    _drop_weight_casts(graph)
    _widen_weights(graph, half)
    nodes: list[Node] = []
    renamed: dict[str, str] = {}
    for info in graph.inputs:
        if info.dtype is DType.F16:
            renamed[info.name] = f"{info.name}.f32"
            nodes.append(_cast(info.name, renamed[info.name], DType.F32))
    for node in graph.nodes:
        node.inputs = [renamed.get(name, name) for name in node.inputs]
        value = node.attributes.get("value")
        if node.op == "ConstantOfShape" and isinstance(value, np.ndarray) and value.dtype == np.float16:
            node.attributes = {**node.attributes, "value": value.astype(np.float32)}
        nodes.append(node)
        if node.op == "Cast" and node.attributes.get("to") is DType.F16:
            name = node.outputs[0]
            node.outputs = [f"{name}.f16"]
            nodes.append(_cast(node.outputs[0], name, DType.F32))
    graph.nodes = nodes
    _narrow_outputs(graph)


def _cast(source: str, target: str, dtype: DType) -> Node:
    return Node("Cast", [source], [target], {"to": dtype}, name=f"Cast({source})")


def _drop_weight_casts(graph: Graph) -> None:
    """Take out Cast to f32 of f16 weights, which stand for f32 already; their readers now read the weights."""
    outputs = graph.output_names()
    renamed = {}
    for node in graph.nodes:
        weight = graph.weights.get(node.inputs[0]) if node.op == "Cast" else None
        wide = node.attributes.get("to") is DType.F32
        if weight is not None and weight.dtype is DType.F16 and wide and node.outputs[0] not in outputs:
            renamed[node.outputs[0]] = node.inputs[0]
    graph.nodes = [node for node in graph.nodes if node.outputs[0] not in renamed]
    for node in graph.nodes:
        node.inputs = [renamed.get(name, name) for name in node.inputs]


def _widen_weights(graph: Graph, half: list[str]) -> None:
    """Weights of convolutions and products stay f16; the others, which are small, become f32."""
    stored = {node.inputs[i] for node in graph.nodes for op, i in _WEIGHTY.items() if node.op == op}
    for name in half:
        if name not in stored:
            graph.weights[name] = DenseWeight(graph.weights[name].dense().astype(np.float32))


def _narrow_outputs(graph: Graph) -> None:
    producers = graph.producers()
    for info in graph.outputs:
        if info.dtype is not DType.F16:
            continue
        maker = producers.get(info.name)
        if maker is None:  # a graph input or a weight that is an output as it stands
            continue
        wide = f"{info.name}.f32"
        maker.outputs = [wide if name == info.name else name for name in maker.outputs]
        for node in graph.nodes:
            node.inputs = [wide if name == info.name else name for name in node.inputs]
        graph.nodes.append(_cast(wide, info.name, DType.F16))
