"""The verifier's order and refusals."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fastinfer.errors import CyclicGraphError, GraphError, UnsupportedOperatorError
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, ValueInfo
from fastinfer.graph.verify import verify
from fastinfer.graph.weight import DenseWeight


def graph_of(*nodes: Node, outputs: tuple[str, ...] = ()) -> Graph:
    x = ValueInfo("x", DType.F32, (1, 3, 8, 8))
    made = [ValueInfo(name, DType.F32, None) for name in outputs]
    return Graph([x], made, list(nodes), {"w": DenseWeight(np.zeros((4, 3, 3, 3), np.float32))}, file="net.onnx")


def test_an_ordered_graph_keeps_its_order() -> None:
    nodes = [Node("Relu", ["x"], ["a"]), Node("Neg", ["x"], ["b"]), Node("Add", ["a", "b"], ["c"])]
    assert verify(graph_of(*nodes, outputs=("c",))).nodes == nodes


def test_any_order_is_sorted() -> None:
    chain = [Node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(200)]
    shuffled = random.Random(3).sample(chain, len(chain))
    assert verify(graph_of(*shuffled, outputs=("v200",))).nodes == chain


def test_a_node_that_reads_a_value_twice() -> None:
    nodes = [Node("Add", ["a", "a"], ["b"]), Node("Relu", ["x"], ["a"])]
    assert [n.op for n in verify(graph_of(*nodes, outputs=("b",))).nodes] == ["Relu", "Add"]


def test_dead_nodes_stay() -> None:
    graph = verify(graph_of(Node("Relu", ["x"], ["dead"]), Node("Neg", ["x"], ["y"]), outputs=("y",)))
    assert len(graph.nodes) == 2


def test_a_chain_longer_than_the_stack() -> None:
    chain = [Node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(20_000)]
    assert verify(graph_of(*chain[::-1])).nodes == chain


def test_circles_are_named() -> None:
    nodes = [
        Node("Relu", ["x"], ["a"], name="first"),
        Node("Add", ["a", "d"], ["b"], name="add"),
        Node("Neg", ["b"], ["c"], name="neg"),
        Node("Abs", ["c"], ["d"], name="abs"),
    ]
    with pytest.raises(CyclicGraphError, match="circle") as caught:
        verify(graph_of(*nodes))
    assert caught.value.file == "net.onnx"
    assert all(name in str(caught.value) for name in ("add", "neg", "abs"))
    assert "first" not in str(caught.value)


def test_a_node_that_reads_itself() -> None:
    with pytest.raises(CyclicGraphError, match="loop -> loop"):
        verify(graph_of(Node("Relu", ["a"], ["a"], name="loop")))


@pytest.mark.parametrize(
    ("nodes", "outputs", "reason", "tensor"),
    [
        ([Node("Relu", ["nowhere"], ["y"])], ("y",), "not defined", "nowhere"),
        ([Node("Relu", ["x"], ["y"]), Node("Neg", ["x"], ["y"])], ("y",), "defined twice", "y"),
        ([Node("Relu", ["x"], ["x"])], ("x",), "defined twice", "x"),
        ([Node("Relu", ["x"], ["w"])], ("w",), "defined twice", "w"),
        ([Node("Relu", ["x"], ["y"])], ("z",), "no node makes", "z"),
        ([Node("Conv", ["x"], ["y"])], ("y",), "input 1 of Conv is missing", None),
        ([Node("Conv", ["x", ""], ["y"])], ("y",), "input 1 of Conv is missing", None),
        ([Node("Relu", ["x", "x"], ["y"])], ("y",), "at most 1 inputs, 2", None),
        ([Node("Relu", ["x"], ["y", "z"])], ("y",), "at most 1 outputs, 2", None),
        ([Node("Relu", ["x"], [""])], (), "no output", None),
    ],
)
def test_malformed_graphs(nodes: list[Node], outputs: tuple[str, ...], reason: str, tensor: str | None) -> None:
    with pytest.raises(GraphError, match=reason) as caught:
        verify(graph_of(*nodes, outputs=outputs))
    assert caught.value.tensor == tensor
    assert caught.value.file == "net.onnx"


def test_a_residual_is_a_fourth_input_of_conv() -> None:
    verify(graph_of(Node("Conv", ["x", "w", "", "x"], ["y"]), outputs=("y",)))


def test_unknown_operators() -> None:
    with pytest.raises(UnsupportedOperatorError, match="Frobnicate"):
        verify(graph_of(Node("Frobnicate", ["x"], ["y"]), outputs=("y",)))
