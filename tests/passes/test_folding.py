"""Constant, batch-norm and bias folding, before and after, through the reference."""

from __future__ import annotations

import numpy as np
import pytest

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph
from fastinfer.passes.eliminate import eliminate_dead_code, eliminate_identity
from fastinfer.passes.fold_batch_norm import fold_batch_norm
from fastinfer.passes.fold_constants import GROWTH_LIMIT, fold_constants
from fastinfer.passes.fold_pads import fold_pads
from fastinfer.passes.fuse_bias import fuse_bias
from passes.small import Net, assert_same, ops


def batch_norm(net: Net, x: str, channels: int) -> str:
    parameters = [net.normal(channels) for _ in range(3)]
    variance = net.constant(net.random.uniform(0.1, 2, channels))
    return net.node("BatchNormalization", x, *parameters, variance, epsilon=1e-3)


def test_constants_fold_in_chains() -> None:
    net = Net()
    shape = net.node("Concat", net.ints(1), net.node("Mul", net.ints(3), net.ints(4)), axis=0)
    graph = net.graph(net.node("Reshape", net.input(3, 4), shape))
    before = graph.copy()
    fold_constants(graph)
    assert ops(graph) == ["Reshape"]
    assert graph.weights[graph.nodes[0].inputs[1]].dense().tolist() == [1, 12]
    assert_same(before, graph)


def test_folding_does_not_blow_the_model_up() -> None:
    net = Net()
    elements = GROWTH_LIMIT // 4 + 8
    graph = net.graph(net.node("Add", net.input(1), net.node("Expand", net.constant([1.0]), net.ints(elements))))
    fold_constants(graph)
    assert ops(graph) == ["Expand", "Add"]


def test_half_weights_move_without_growing() -> None:
    net = Net()
    w = net.constant(net.random.standard_normal((2, 3)), np.float16)
    graph = net.graph(net.node("MatMul", net.input(4, 3), net.node("Transpose", w, perm=[1, 0])))
    fold_constants(graph)
    assert ops(graph) == ["MatMul"]
    assert graph.weights[graph.nodes[0].inputs[1]].dtype is DType.F16


def linear_nets() -> dict[str, tuple[Net, str, int]]:
    """A linear operator on an input: (net, its output, channels)."""
    made = {}
    net = Net()
    made["conv"] = (net, net.conv(net.input(2, 6, 5, 5), 4, 6, 3), 4)
    net = Net()
    made["conv_no_bias"] = (net, net.conv(net.input(2, 6, 5, 5), 4, 6, 3, bias=False), 4)
    net = Net()
    made["grouped"] = (net, net.conv(net.input(2, 6, 5, 5), 8, 6, 3, group=2), 8)
    net = Net()
    made["conv_1d"] = (net, net.node("Conv", net.input(2, 6, 9), net.normal(4, 6, 3)), 4)
    net = Net()
    made["transposed"] = (net, net.node("ConvTranspose", net.input(2, 6, 5, 5), net.normal(6, 4, 3, 3)), 4)
    net = Net()
    x, w = net.input(2, 6, 5, 5), net.normal(6, 2, 3, 3)
    made["transposed_grouped"] = (net, net.node("ConvTranspose", x, w, net.normal(6), group=3), 6)
    for transposed, shape in ((0, (5, 7)), (1, (7, 5))):
        net = Net()
        x = net.input(3, 5)
        y = net.node("Gemm", x, net.normal(*shape), net.normal(7), transB=transposed, alpha=0.5, beta=2.0)
        made[f"gemm_{transposed}"] = (net, y, 7)
    net = Net()
    made["gemm_row"] = (net, net.node("Gemm", net.input(3, 5), net.normal(5, 7), net.normal(1, 1)), 7)
    return made


@pytest.mark.parametrize("case", linear_nets())
def test_batch_norm_folds(case: str) -> None:
    net, y, channels = linear_nets()[case]
    graph = net.graph(batch_norm(net, y, channels))
    before = graph.copy()
    fold_batch_norm(graph)
    assert len(graph.nodes) == 1
    assert_same(before, graph)


@pytest.mark.parametrize("case", linear_nets())
@pytest.mark.parametrize("form", ["y * c", "c * y", "y / c", "y + c", "c + y", "y - c", "c - y"])
@pytest.mark.parametrize("scalar", [False, True])
def test_arithmetic_with_channel_constants_folds(case: str, form: str, scalar: bool) -> None:
    net, y, channels = linear_nets()[case]
    rank = max(len(weight.shape) for weight in net.weights.values())
    shape = () if scalar else (channels, *(1,) * (rank - 2))
    c = net.constant(net.random.uniform(0.5, 2, shape))
    left, sign, right = form.split()
    op = {"*": "Mul", "/": "Div", "+": "Add", "-": "Sub"}[sign]
    graph = net.graph(net.node(op, *(y if side == "y" else c for side in (left, right))))
    before = graph.copy()
    fold_batch_norm(graph)
    fuse_bias(graph)
    assert len(graph.nodes) == 1
    assert_same(before, graph)


def unfoldable() -> dict[str, Graph]:
    made = {}
    net = Net()
    y = net.conv(net.input(1, 3, 5, 5), 4, 3)
    made["two readers"] = net.graph(net.node("Mul", y, net.constant(2.0)), y)
    net = Net()
    y = net.conv(net.input(1, 3, 5, 5), 4, 3)
    made["along the width"] = net.graph(net.node("Mul", y, net.normal(5)))
    net = Net()
    y = net.conv(net.input(1, 3, 5, 5), 1, 3)
    made["widens the channels"] = net.graph(net.node("Add", y, net.normal(4, 1, 1)))
    net = Net()
    y = net.conv(net.input(1, 3, 5, 5), 4, 3)
    made["adds an axis"] = net.graph(net.node("Add", y, net.normal(1, 1, 4, 1, 1)))
    net = Net()
    y = net.conv(net.input(1, 3, 5, 5), 4, 3)
    made["divided by"] = net.graph(net.node("Div", net.constant(2.0), y))
    net = Net()
    y = net.conv(net.input(1, 3, 5, 5), 4, 3)
    made["divided by zero"] = net.graph(net.node("Div", y, net.constant(0.0)))
    net = Net()
    y = net.node("Gemm", net.input(3, 5), net.normal(5, 7), net.normal(3, 7))
    made["a bias for each element"] = net.graph(net.node("Mul", y, net.constant(2.0)))
    net = Net()
    y = net.node("Conv", net.input(1, 3, 5, 5), net.input(4, 3, 1, 1))
    made["computed weights"] = net.graph(net.node("Mul", y, net.constant(2.0)))
    return made


@pytest.mark.parametrize("case", unfoldable())
def test_what_must_not_fold_stays(case: str) -> None:
    graph = unfoldable()[case]
    before = ops(graph)
    fold_batch_norm(graph)
    fuse_bias(graph)
    assert ops(graph) == before


def test_identity_goes_and_names_stay() -> None:
    net = Net()
    x = net.input(2, 3)
    middle = net.node("Relu", net.node("Identity", x))
    graph = net.graph(net.node("Identity", middle), net.node("Identity", x))
    before = graph.copy()
    eliminate_identity(graph)
    assert ops(graph) == ["Relu", "Identity"]  # an input that is an output needs a copy
    assert_same(before, graph)


def test_two_outputs_of_one_value_stay_two() -> None:
    net = Net()
    y = net.node("Relu", net.input(2))
    graph = net.graph(y, net.node("Identity", y))
    before = graph.copy()
    eliminate_identity(graph)
    assert_same(before, graph)


def test_dead_code_goes_with_its_weights() -> None:
    net = Net()
    x = net.input(2, 3, 4, 4)
    dead = net.node("Relu", net.conv(x, 4, 3))
    net.node("Add", dead, net.normal(1))
    graph = net.graph(net.node("Neg", x))
    eliminate_dead_code(graph)
    assert ops(graph) == ["Neg"]
    assert not graph.weights


@pytest.mark.parametrize("own", [None, [1, 0, 2, 1]])
def test_zeros_around_a_picture_become_padding(own: list[int] | None) -> None:
    net = Net()
    x = net.node("Pad", net.input(2, 3, 5, 5), net.ints(0, 0, 1, 2, 0, 0, 3, 0), net.constant(0))
    graph = net.graph(net.conv(x, 4, 3, 3, **({"pads": own} if own else {})))
    before = graph.copy()
    fold_pads(graph)
    assert ops(graph) == ["Conv"]
    assert_same(before, graph)


@pytest.mark.parametrize("case", ["other value", "channels", "crop", "edge", "two readers", "auto_pad", "pooled"])
def test_pads_that_are_no_padding_stay(case: str) -> None:
    net = Net()
    x = net.input(2, 3, 5, 5)
    pads = {"channels": (0, 1, 0, 0, 0, 0, 0, 0), "crop": (0, 0, -1, 0, 0, 0, 0, 0)}.get(case, (0, 0, 1, 1, 0, 0, 1, 1))
    value = [net.constant(0.5)] if case == "other value" else []
    padded = net.node("Pad", x, net.ints(*pads), *value, mode="edge" if case == "edge" else "constant")
    if case == "pooled":
        y = net.node("AveragePool", padded, kernel_shape=[3, 3])
    else:
        extra = {"auto_pad": "SAME_UPPER"} if case == "auto_pad" else {}
        y = net.conv(padded, 4, 4 if case == "channels" else 3, 3, **extra)
    graph = net.graph(y, *([net.node("Neg", padded)] if case == "two readers" else []))
    fold_pads(graph)
    assert "Pad" in ops(graph)
