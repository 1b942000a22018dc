"""Networks made for one sample, run on several: what may be freed, and what must not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fastinfer.errors import ShapeError
from fastinfer.graph.ir import Graph
from fastinfer.passes.free_batch import free_batch
from passes.small import Net, compute, types_of


def freed(graph: Graph) -> Graph:
    return free_batch(graph, types_of(graph), {})


def assert_independent(graph: Graph, shape: tuple[int, ...]) -> None:
    """The freed graph on a batch of 3 makes what the graph makes of each sample."""
    x = np.random.default_rng(2).standard_normal((3, *shape)).astype(np.float32)
    name = graph.inputs[0].name
    together = compute(freed(graph), {name: x})
    for output, found in together.items():
        apart = np.concatenate([compute(graph, {name: x[i : i + 1]})[output] for i in range(3)])
        np.testing.assert_allclose(found, apart, rtol=1e-12, atol=1e-12)


def test_a_network_with_the_batch_written_into_its_shapes() -> None:
    net = Net()
    y = net.conv(net.input(1, 4, 6, 6), 6, 4, 3)
    split = net.node("Reshape", y, net.ints(1, 2, 3, 4, 4))
    y = net.node("Reshape", net.node("Transpose", split, perm=[0, 2, 1, 3, 4]), net.ints(1, 6, 4, 4))
    y = net.node("Concat", net.node("Relu", y), net.node("Slice", y, net.ints(1), net.ints(3), net.ints(1)), axis=1)
    y = net.node("Mul", y, net.node("Sigmoid", net.node("ReduceMean", y, net.ints(2, 3))))
    y = net.node("Softmax", net.node("Gemm", net.node("Reshape", y, net.ints(1, -1)), net.normal(128, 5)), axis=1)
    assert_independent(net.graph(y), (4, 6, 6))


@pytest.mark.parametrize(
    "mix",
    [
        lambda net, x: net.node("Softmax", x, axis=0),
        lambda net, x: net.node("ReduceMean", x, net.ints(0)),
        lambda net, x: net.node("ReduceMax", x),
        lambda net, x: net.node("Concat", x, x, axis=0),
        lambda net, x: net.node("Transpose", x, perm=[1, 0, 2]),
        lambda net, x: net.node("Reshape", x, net.ints(2, 2, 3)),
        lambda net, x: net.node("Squeeze", x, net.ints(0)),
        lambda net, x: net.node("Gather", x, net.ints(0), axis=0),
        lambda net, x: net.node("Slice", x, net.ints(0), net.ints(1)),
        lambda net, x: net.node("CumSum", x, net.ints(0)),
        lambda net, x: net.node("MatMul", net.normal(2, 1, 4), x),
        lambda net, x: net.node("Add", x, net.normal(2, 1, 1)),
        lambda net, x: net.node("Flatten", x, axis=2),
        lambda net, x: net.node("Mul", x, net.node("Cast", net.node("Shape", x), to=net.inputs[0].dtype)),
    ],
)  # fmt: skip
def test_what_mixes_samples_is_refused(mix: Callable[[Net, str], str]) -> None:
    net = Net()
    x = net.input(1, 4, 3)
    graph = net.graph(mix(net, x))
    with pytest.raises(ShapeError, match="samples"):
        freed(graph)
