"""Small graphs to rewrite, and the check that a rewritten graph computes what it did."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.dtype import DType
from fastinfer.graph.infer import infer_node
from fastinfer.graph.ir import Dim, Graph, Node, TensorType, ValueInfo
from fastinfer.graph.verify import verify
from fastinfer.graph.weight import DenseWeight
from fastinfer.reference import evaluate

Array = npt.NDArray[Any]


class Net:
    """A graph under construction; methods return value names."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.inputs: list[ValueInfo] = []
        self.nodes: list[Node] = []
        self.weights: dict[str, DenseWeight] = {}

    def input(self, *shape: Dim, dtype: DType = DType.F32) -> str:
        name = f"x{len(self.inputs)}"
        self.inputs.append(ValueInfo(name, dtype, shape))
        return name

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"w{len(self.weights)}"
        self.weights[name] = DenseWeight(np.array(value, dtype, order="C"))
        return name

    def normal(self, *shape: int) -> str:
        return self.constant(self.random.standard_normal(shape))

    def ints(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        return self.nodes_of(op, 1, *inputs, **attributes)[0]

    def nodes_of(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(Node(op, list(inputs), names, attributes, name=f"{op}{len(self.nodes)}"))
        return names

    def conv(self, x: str, out: int, inp: int, k: int = 1, bias: bool = True, **attributes: Any) -> str:
        groups = attributes.get("group", 1)
        extra = [self.normal(out)] if bias else []
        return self.node("Conv", x, self.normal(out, inp // groups, k, k), *extra, **attributes)

    def graph(self, *outputs: str, dtype: DType = DType.F32) -> Graph:
        infos = [ValueInfo(name, dtype, None) for name in outputs]
        return verify(Graph(self.inputs, infos, self.nodes, dict(self.weights)))


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def sample(graph: Graph, seed: int = 1, **sizes: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    made = {}
    for info in graph.inputs:
        assert info.shape is not None
        shape = [sizes[n] if isinstance(n, str) else n for n in info.shape]
        made[info.name] = random.standard_normal(shape).astype(info.dtype.numpy)
    return made


def compute(graph: Graph, inputs: dict[str, Array], wide: bool = True) -> dict[str, Array]:
    """The outputs by the reference, floats in float64 if `wide`, so that only the passes' own rounding differs."""

    def widen(array: Array) -> Array:
        if wide and array.dtype.kind == "f":
            return array.astype(np.float64)
        return array.astype(np.float32) if array.dtype == np.float16 else array

    values = {name: widen(weight.dense()) for name, weight in graph.weights.items()}
    values |= {name: widen(array) for name, array in inputs.items()}
    for node in graph.nodes:
        plain, residual = node, None
        if node.input(3) and node.op in ("Conv", "MatMul"):  # the reference is given the sum's parts
            plain, residual = Node(node.op, node.inputs[:3], node.outputs, node.attributes), node.inputs[3]
        bias = node.input(2) if node.op == "MatMul" else ""
        if bias:
            plain = Node(node.op, node.inputs[:2], node.outputs, node.attributes, activation=plain.activation)
        if residual or bias:
            plain.activation = None
        results = evaluate(plain, [values[name] if name else None for name in plain.inputs])
        if residual or bias:
            total = sum((values[name] for name in (residual, bias) if name), results[0])
            results = evaluate(Node("Identity", ["t"], node.outputs, activation=node.activation), [total])
        values.update(zip(node.outputs, results, strict=False))
    return {info.name: values[info.name] for info in graph.outputs}


def assert_same(before: Graph, after: Graph, tolerance: float = 1e-6, **sizes: int) -> None:
    """Both graphs, verified, make the same outputs of the same inputs; the tolerance is relative to the largest.

    1e-6 covers a weight rounded to float32 (2^-24) in each of a dozen terms.
    """
    inputs = sample(before, **sizes)
    expected, found = compute(before, inputs), compute(after, inputs)
    assert list(expected) == list(found)
    for name in expected:
        assert found[name].shape == expected[name].shape
        scale = np.abs(expected[name]).max(initial=0)
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=tolerance * scale)


def types_of(graph: Graph, **sizes: int) -> dict[str, TensorType]:
    types = {name: TensorType(weight.dtype, weight.shape) for name, weight in graph.weights.items()}
    for info in graph.inputs:
        assert info.shape is not None
        types[info.name] = TensorType(info.dtype, tuple(sizes[n] if isinstance(n, str) else n for n in info.shape))
    for node in graph.nodes:
        known = {name: weight.dense() for name, weight in graph.weights.items()}
        types.update(zip(node.outputs, infer_node(node, types, known.get), strict=True))
    return types
