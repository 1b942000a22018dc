"""Gates of squeeze-and-excitation: into weights where these are the smaller tensor."""

from __future__ import annotations

import pytest

from fastinfer.passes.fold_gates import fold_gates
from passes.small import Net, assert_same, ops, types_of


def excited(net: Net, x: str, channels: int, swapped: bool = False) -> str:
    gate = net.node("Sigmoid", net.conv(net.node("GlobalAveragePool", x), channels, channels))
    return net.node("Mul", gate, x) if swapped else net.node("Mul", x, gate)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_gate_goes_into_the_weights(swapped: bool, stride: int) -> None:
    net = Net()
    x = net.input(1, 8, 6, 7)
    y = excited(net, x, 8, swapped)
    graph = net.graph(net.conv(y, 10, 8, strides=[stride, stride]))
    before = graph.copy()
    fold_gates(graph, types_of(graph))
    mul, conv = graph.nodes[-2:]
    assert ops(graph) == ops(before)
    assert conv.inputs[0] == x and conv.inputs[1] == mul.outputs[0]
    assert set(mul.inputs) == {before.nodes[-1].inputs[1], graph.nodes[-3].outputs[0]}
    assert_same(before, graph, 1e-5)


@pytest.mark.parametrize("case", ["batch", "window", "groups", "large weights", "read elsewhere", "activated", "pixels"])
def test_gates_that_stay(case: str) -> None:
    net = Net()
    x = net.input(2 if case == "batch" else 1, 8, 6, 7)
    y = net.node("Mul", x, net.input(1, 1, 6, 7)) if case == "pixels" else excited(net, x, 8)
    if case == "activated":
        y = net.node("Relu", y)
    out, k, group = 64 if case == "large weights" else 4, 3 if case == "window" else 1, 2 if case == "groups" else 1
    outputs = [net.conv(y, out, 8, k, group=group)]
    if case == "read elsewhere":
        outputs.append(net.node("Neg", y))
    graph = net.graph(*outputs)
    before = [list(node.inputs) for node in graph.nodes]
    fold_gates(graph, types_of(graph))
    assert [node.inputs for node in graph.nodes] == before
