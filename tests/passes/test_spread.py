"""Activations and residuals behind a Concat, done to its parts, before and after, through the reference."""

from __future__ import annotations

import pytest

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph
from fastinfer.passes.fuse_activation import fuse_activation
from fastinfer.passes.slices import eliminate_full_slices
from fastinfer.passes.spread import spread_activations, spread_residuals
from passes.small import Net, assert_same, ops, types_of

SAME = {"pads": [1, 1, 1, 1]}


def spread(graph: Graph) -> Graph:
    """The rewritten graph, which makes the same outputs and knows the type of each of its values."""
    after = graph.copy()
    types = types_of(after)
    fuse_activation(after, types)
    spread_activations(after, types)
    spread_residuals(after, types)
    assert_same(graph, after)
    found = types_of(after)
    assert {name: types[name] for name in found} == found
    return after


# Activations


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_an_activation_goes_to_every_maker(axis: int) -> None:
    net = Net()
    x = net.input(2, 4, 5, 5)
    parts = [net.conv(x, 6, 4), net.node("Mul", net.conv(x, 6, 4), net.constant(2.0))]
    graph = spread(net.graph(net.node("Clip", net.node("Concat", *parts, axis=axis), net.constant(-0.5))))
    assert ops(graph) == ["Conv", "Conv", "Mul", "Concat"]
    assert [node.activation is not None for node in graph.nodes] == [True, False, True, False]


def test_one_part_may_keep_an_activation_of_its_own() -> None:
    net = Net()
    x = net.input(2, 4, 6, 6)
    pooled = net.node("AveragePool", x, kernel_shape=[3, 3], **SAME)
    graph = spread(net.graph(net.node("LeakyRelu", net.node("Concat", pooled, net.conv(x, 3, 4), axis=1), alpha=0.2)))
    assert ops(graph) == ["AveragePool", "Conv", "LeakyRelu", "Concat"]
    assert graph.nodes[2].inputs == graph.nodes[0].outputs
    two = net.node("MaxPool", x, kernel_shape=[3, 3], **SAME)
    graph = net.graph(net.node("LeakyRelu", net.node("Concat", pooled, net.conv(x, 3, 4), two, axis=1)))
    assert ops(spread(graph))[-2:] == ["Concat", "LeakyRelu"]  # two steps for one would not pay


def test_relu_of_what_cannot_be_negative_is_nothing() -> None:
    """ShuffleNet's shortcut: pools of a Relu's result."""
    net = Net()
    x = net.node("Relu", net.conv(net.input(2, 4, 9, 9), 5, 4))
    x = net.node("MaxPool", x, kernel_shape=[3, 3], **SAME)
    pooled = net.node("AveragePool", x, kernel_shape=[3, 3], count_include_pad=1, **SAME)
    graph = spread(net.graph(net.node("Relu", net.node("Concat", pooled, net.conv(x, 3, 5), x, axis=1))))
    assert ops(graph) == ["Conv", "MaxPool", "AveragePool", "Conv", "Concat"]
    assert graph.nodes[3].activation is not None


@pytest.mark.parametrize("case", ["negative", "bounded above", "dilated", "leaky"])
def test_what_may_be_negative_keeps_its_relu(case: str) -> None:
    net = Net()
    x = net.conv(net.input(2, 4, 9, 9), 5, 4)
    x = x if case == "negative" else net.node("LeakyRelu" if case == "leaky" else "Relu", x)
    dilations = [2, 2] if case == "dilated" else [1, 1]
    pooled = net.node("MaxPool", x, kernel_shape=[3, 3], dilations=dilations, pads=[dilations[0]] * 4)
    joined = net.node("Concat", pooled, net.conv(x, 3, 5), axis=1)
    last = net.node("Clip", joined, net.constant(0), net.constant(1)) if case == "bounded above" else None
    graph = spread(net.graph(last or net.node("Relu", joined)))
    assert ops(graph)[-2:] == ["Clip" if last else "Relu", "Concat"]
    assert graph.nodes[-2].inputs[0] == pooled


@pytest.mark.parametrize("case", ["Concat read twice", "Concat an output", "part read twice", "part an output", "s32"])
def test_activations_that_stay_behind(case: str) -> None:
    net = Net()
    dtype = DType.S32 if case == "s32" else DType.F32
    x = net.input(2, 4, 5, 5, dtype=dtype)
    parts = [net.node("Add", x, x) if case == "s32" else net.conv(x, 3, 4) for _ in range(2)]
    joined = net.node("Concat", *parts, axis=1)
    outputs = [net.node("Relu", joined)]
    if case == "Concat read twice":
        outputs.append(net.node("Neg", joined))
    elif case == "Concat an output":
        outputs.append(joined)
    elif case == "part read twice":  # both: one alone might keep a Relu of its own
        outputs += [net.node("Neg", part) for part in parts]
    elif case == "part an output":
        outputs += parts
    graph = spread(net.graph(*outputs, dtype=dtype))
    relu = next(node for node in graph.nodes if node.op == "Relu")
    assert relu.inputs == [joined]


# Residuals


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("shape", [(2, 7, 5, 5), (2, 7, 5)], ids=["2-D", "1-D"])
def test_a_residual_is_cut_for_the_convolutions(shape: tuple[int, ...], swapped: bool) -> None:
    net = Net()
    x, residual = net.input(*shape), net.input(*shape)
    parts = [net.node("Conv", x, net.normal(n, 7, *[1] * (len(shape) - 2))) for n in (2, 5)]
    joined = net.node("Concat", *parts, axis=1 - len(shape))
    residual = net.node("Abs", residual)  # made after the convolutions
    terms = (residual, joined) if swapped else (joined, residual)
    graph = spread(net.graph(net.node("Relu", net.node("Add", *terms))))
    assert ops(graph) == ["Abs", "Slice", "Conv", "Slice", "Conv", "Concat"]
    for cut, conv in (graph.nodes[1:3], graph.nodes[3:5]):
        assert conv.inputs[3] == cut.outputs[0]
        assert conv.activation is not None


def test_residuals_in_a_chain() -> None:
    net = Net()
    x = net.input(2, 6, 5, 5)
    for _ in range(3):
        x = net.node("Add", net.node("Concat", net.conv(x, 2, 6), net.conv(x, 4, 6, 3, **SAME), axis=1), x)
    assert "Add" not in ops(spread(net.graph(x)))


@pytest.mark.parametrize(
    "case",
    [
        "broadcast",
        "other axis",
        "read elsewhere",
        "an output",
        "no convolution",
        "activated",
        "constant",
        "part read elsewhere",
    ],
)
def test_sums_that_stay_behind(case: str) -> None:
    net = Net()
    x = net.input(1, 4, 6, 6)
    parts = [net.conv(x, 4, 4), net.conv(x, 4, 4)]
    if case == "no convolution":
        parts[0] = net.node("Neg", x)
    elif case == "activated":
        parts[0] = net.node("Relu", parts[0])
    joined = net.node("Concat", *parts, axis=2 if case == "other axis" else 1)
    shape = (1, 4, 12, 6) if case == "other axis" else (1, 8, 6, 6)
    residual = net.input(*((1, 8, 1, 1) if case == "broadcast" else shape))
    if case == "constant":
        residual = net.normal(*shape)
    outputs = [net.node("Add", joined, residual)]
    if case == "read elsewhere":
        outputs.append(net.node("Neg", joined))
    elif case == "an output":
        outputs.append(joined)
    elif case == "part read elsewhere":  # as in GhostNet
        outputs.append(net.node("Neg", parts[0]))
    graph = spread(net.graph(*outputs))
    assert next(node for node in graph.nodes if node.op == "Add").inputs == [joined, residual]


def test_a_sum_of_a_value_with_itself_stays() -> None:
    net = Net()
    x = net.input(1, 4, 6, 6)
    joined = net.node("Concat", net.conv(x, 2, 4), net.conv(x, 2, 4), axis=1)
    assert ops(spread(net.graph(net.node("Add", joined, joined))))[-1] == "Add"


# Slices


def test_slices_that_take_everything_go() -> None:
    net = Net()
    x = net.input(2, 6, 5, 5)
    whole = net.node("Slice", x, net.ints(0), net.ints(6), net.ints(1), net.ints(1))
    part = net.node("Slice", whole, net.ints(0), net.ints(5), net.ints(1))
    back = net.node("Slice", whole, net.ints(-1), net.ints(-100), net.ints(1), net.ints(-1))
    graph = net.graph(net.node("Neg", whole), net.node("Neg", part), net.node("Neg", back))
    before = graph.copy()
    eliminate_full_slices(graph, types_of(graph))
    assert ops(graph) == ["Slice", "Slice", "Neg", "Neg", "Neg"]
    assert_same(before, graph)
