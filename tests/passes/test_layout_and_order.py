"""Channel shuffles, layouts and half precision, before and after, through the reference."""

from __future__ import annotations

import numpy as np
import pytest

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph
from fastinfer.passes import optimize, specialize
from fastinfer.passes.channel_shuffle import absorb_shuffles
from fastinfer.passes.layout import assign_layouts
from fastinfer.passes.split_shuffle import split_before_join
from fastinfer.passes.widen import widen_half
from passes.small import Net, assert_same, compute, ops, sample, types_of


def shuffle(net: Net, x: str, groups: int, shape: tuple[int, int, int, int]) -> str:
    n, c, h, w = shape
    split = net.node("Reshape", x, net.ints(n, groups, c // groups, h, w))
    return net.node("Reshape", net.node("Transpose", split, perm=[0, 2, 1, 3, 4]), net.ints(*shape))


def absorb(graph: Graph) -> None:
    absorb_shuffles(graph, types_of(graph), DerivedWeights(graph.weights.values()))


def test_shuffle_goes_into_a_dense_convolution() -> None:
    net = Net()
    y = shuffle(net, net.input(2, 6, 3, 4), 2, (2, 6, 3, 4))
    graph = net.graph(net.conv(y, 5, 6, 3))
    before = graph.copy()
    absorb(graph)
    assert ops(graph) == ["Conv"]
    assert_same(before, graph)


def test_shuffle_goes_through_what_keeps_channels_apart() -> None:
    net = Net()
    y = shuffle(net, net.conv(net.input(2, 4, 6, 6), 6, 4), 3, (2, 6, 6, 6))
    y = net.node("Relu", net.node("Add", y, net.normal(6, 1, 1)))
    y = net.conv(y, 6, 6, 3, group=6, pads=[1, 1, 1, 1])
    y = net.node("MaxPool", net.node("Mul", y, net.constant(0.5)), kernel_shape=[2, 2])
    graph = net.graph(net.conv(y, 5, 6), net.node("Neg", net.conv(y, 3, 6)))
    before = graph.copy()
    absorb(graph)
    assert "Transpose" not in ops(graph)
    assert_same(before, graph)


def test_grouped_convolutions_are_told_of_the_order() -> None:
    net = Net()
    y = shuffle(net, net.conv(net.input(2, 4, 6, 6), 12, 4), 3, (2, 12, 6, 6))
    y = net.conv(y, 12, 12, 3, group=12, pads=[1, 1, 1, 1])
    graph = net.graph(net.conv(y, 9, 12, group=3), net.conv(y, 4, 12, 3, group=2, bias=False))
    before = graph.copy()
    absorb(graph)
    assert ops(graph) == ["Conv"] * 4
    order = np.arange(12).reshape(3, 4).T.reshape(-1).tolist()
    assert [node.attributes.get("places") for node in graph.nodes] == [None, None, order, order]
    assert_same(before, graph)


@pytest.mark.parametrize("reader", ["output", "sum", "softmax"])
def test_shuffle_stays_where_the_order_shows(reader: str) -> None:
    net = Net()
    x = net.input(2, 6, 3, 4)
    y = shuffle(net, x, 2, (2, 6, 3, 4))
    made = {
        "output": lambda: y,
        "sum": lambda: net.conv(net.node("Add", y, x), 3, 6),
        "softmax": lambda: net.conv(net.node("Softmax", y, axis=1), 3, 6),
    }[reader]()
    graph = net.graph(made)
    before = graph.copy()
    absorb(graph)
    assert "Transpose" in ops(graph)
    assert_same(before, graph)


def test_what_is_no_shuffle_stays() -> None:
    net = Net()
    split = net.node("Reshape", net.input(2, 6, 4, 3), net.ints(2, 2, 3, 3, 4))  # height and width change places
    y = net.node("Reshape", net.node("Transpose", split, perm=[0, 2, 1, 3, 4]), net.ints(2, 6, 4, 3))
    graph = net.graph(net.conv(y, 5, 6))
    absorb(graph)
    assert "Transpose" in ops(graph)


@pytest.mark.parametrize("op", ["Split", "Slice"])
def test_parts_of_a_shuffle_are_cut_before_it_is_joined(op: str) -> None:
    net = Net()
    y = shuffle(net, net.input(2, 8, 3, 4), 2, (2, 8, 3, 4))
    if op == "Split":
        left, right = net.nodes_of("Split", 2, y, net.ints(2, 6), axis=1)
    else:
        left = net.node("Slice", y, net.ints(0), net.ints(2), net.ints(1))
        right = net.node("Slice", y, net.ints(2), net.ints(100), net.ints(1))
    graph = net.graph(net.node("Relu", left), right)
    before = graph.copy()
    types = types_of(graph)
    split_before_join(graph, types)
    assert sorted(ops(graph)) == ["Relu", "Reshape", "Reshape", "Reshape", "Slice", "Slice", "Transpose"]
    assert {name for node in graph.nodes for name in (*node.inputs, *node.outputs)} <= types.keys()
    assert_same(before, graph)


def test_parts_that_cut_through_a_column_stay() -> None:
    net = Net()
    y = shuffle(net, net.input(2, 8, 3, 4), 2, (2, 8, 3, 4))
    graph = net.graph(*net.nodes_of("Split", 2, y, net.ints(3, 5), axis=1))
    before = ops(graph)
    split_before_join(graph, types_of(graph))
    assert ops(graph) == before


def test_layouts_follow_the_convolutions() -> None:
    net = Net()
    x = net.input(2, 3, 8, 8)
    shifted = net.node("Sub", x, net.normal(3, 1, 1))
    y = net.conv(shifted, 4, 3)
    doubled = net.node("Mul", y, y)
    flat = net.node("Flatten", doubled)
    dense = net.node("Gemm", flat, net.normal(256, 4))
    picture = net.node("Sigmoid", doubled)
    graph = net.graph(dense, picture)
    layouts = assign_layouts(graph, types_of(graph))
    assert layouts[shifted] == layouts[y] == layouts[doubled] == "nhwc"
    assert layouts[flat] == layouts[dense] == "plain"
    assert layouts[picture] == "plain"  # written in the caller's order


def half_net() -> Graph:
    net = Net()
    x = net.input(2, 3, 4, 4, dtype=DType.F16)
    w = net.constant(net.random.standard_normal((4, 3, 1, 1)), np.float16)
    b = net.constant(net.random.standard_normal(4), np.float16)
    y = net.node("Mul", net.node("Conv", x, w, b), net.constant(0.3, np.float16))
    rounded = net.node("Cast", net.node("Cast", y, to=DType.F16), to=DType.F32)
    return net.graph(net.node("Cast", rounded, to=DType.F16), dtype=DType.F16)


def test_half_precision_is_at_the_edges() -> None:
    graph = half_net()
    widen_half(graph)
    conv = next(node for node in graph.nodes if node.op == "Conv")
    assert graph.weights[conv.inputs[1]].dtype is DType.F16  # as stored
    assert graph.weights[conv.inputs[2]].dtype is DType.F32
    assert [info.dtype for info in (*graph.inputs, *graph.outputs)] == [DType.F16, DType.F16]
    inputs = sample(graph)
    before, after = half_net(), graph
    names = [before.outputs[0].name, after.outputs[0].name]
    assert names[0] == names[1]
    found = compute(after, inputs, wide=False)[names[0]]
    expected = compute(before, {k: a.astype(np.float32) for k, a in inputs.items()}, wide=False)[names[0]]
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, expected.astype(np.float16))


def test_half_weights_of_a_float_model_stay_half() -> None:
    net = Net()
    w = net.constant(net.random.standard_normal((5, 4, 1, 1)), np.float16)
    graph = net.graph(net.node("Conv", net.input(1, 4, 3, 3), net.node("Cast", w, to=DType.F32)))
    before = graph.copy()
    widen_half(graph)
    assert ops(graph) == ["Conv"]
    assert graph.weights[graph.nodes[0].inputs[1]].dtype is DType.F16
    assert_same(before, graph)


def test_whole_pipeline_on_a_small_network() -> None:
    net = Net()
    x = net.input("N", 3, 8, 8)
    y = net.conv(x, 8, 3, 3, bias=False, pads=[1, 1, 1, 1])
    parameters = [net.normal(8) for _ in range(3)]
    y = net.node("BatchNormalization", y, *parameters, net.constant(net.random.uniform(0.5, 1, 8)))
    y = net.node("Relu", y)
    z = net.conv(y, 8, 8, 3, pads=[1, 1, 1, 1])
    y = net.node("Relu", net.node("Add", net.node("Add", z, net.normal(1, 8, 1, 1)), y))
    y = net.node("Flatten", net.node("GlobalAveragePool", y))
    y = net.node("Relu", net.node("Add", net.node("MatMul", y, net.normal(8, 4)), net.normal(4)))
    before = net.graph(y)
    after = optimize(before)
    types = types_of(after, N=2)
    specialize(after, types, DerivedWeights())
    assert ops(after) == ["Conv", "Conv", "GlobalAveragePool", "Flatten", "MatMul"]
    assert all(node.activation for node in after.nodes if node.op in ("Conv", "MatMul"))
    assert_same(before, after, N=2)
