"""Activations, written-out patterns, residuals and matrix biases, before and after, through the reference."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from fastinfer.graph.dtype import DType
from fastinfer.passes.eliminate import eliminate_dead_code
from fastinfer.passes.fuse_activation import fuse_activation
from fastinfer.passes.fuse_sums import fuse_bias_of_matmul, fuse_residual
from fastinfer.passes.patterns import fuse_patterns
from passes.small import Net, assert_same, ops, types_of

ACTIVATIONS = {
    "Relu": {},
    "LeakyRelu": {"alpha": 0.3},
    "Elu": {"alpha": 0.7},
    "Sigmoid": {},
    "HardSigmoid": {"alpha": 0.1, "beta": 0.4},
    "HardSwish": {},
    "Tanh": {},
    "Gelu": {},
}


@pytest.mark.parametrize("op", ACTIVATIONS)
@pytest.mark.parametrize("maker", ["Conv", "ConvTranspose", "Gemm"])
def test_activation_fuses_into_linear_operators(op: str, maker: str) -> None:
    net = Net()
    if maker == "Gemm":
        y = net.node("Gemm", net.input(3, 5), net.normal(5, 7))
    else:
        y = net.node(maker, net.input(2, 4, 5, 5), net.normal(4, 4, 3, 3))
    graph = net.graph(net.node(op, y, **ACTIVATIONS[op]))
    before = graph.copy()
    fuse_activation(graph)
    assert ops(graph) == [maker]
    assert_same(before, graph)


@pytest.mark.parametrize("bounds", [(-1.0, 2.0), (None, 0.5), (0.0, None), (None, None)])
def test_clip_fuses(bounds: tuple[float | None, float | None]) -> None:
    net = Net()
    y = net.conv(net.input(2, 4, 5, 5), 3, 4)
    names = [net.constant(b) if b is not None else "" for b in bounds]
    graph = net.graph(net.node("Clip", y, *names))
    before = graph.copy()
    fuse_activation(graph)
    assert ops(graph) == ["Conv"]
    assert_same(before, graph)


def test_clip_by_a_computed_bound_stays() -> None:
    net = Net()
    y = net.conv(net.input(2, 4, 5, 5), 3, 4)
    graph = net.graph(net.node("Clip", y, "", net.input()))
    fuse_activation(graph)
    assert ops(graph) == ["Conv", "Clip"]


def test_a_value_with_other_readers_keeps_its_activation_apart() -> None:
    net = Net()
    y = net.conv(net.input(2, 4, 5, 5), 3, 4)
    graph = net.graph(net.node("Relu", y), net.node("Neg", y))
    fuse_activation(graph)
    assert "Relu" in ops(graph)
    net = Net()
    y = net.conv(net.input(2, 4, 5, 5), 3, 4)
    graph = net.graph(net.node("Relu", y), y)
    fuse_activation(graph)
    assert "Relu" in ops(graph)


def test_only_one_activation_fuses() -> None:
    net = Net()
    graph = net.graph(net.node("Sigmoid", net.node("Tanh", net.conv(net.input(2, 4, 5, 5), 3, 4))))
    before = graph.copy()
    fuse_activation(graph)
    assert ops(graph) == ["Conv", "Sigmoid"]
    assert_same(before, graph)


def test_arithmetic_takes_activations_in_f32_only() -> None:
    for dtype, fused in ((DType.F32, True), (DType.S32, False)):
        net = Net()
        a, b = net.input(3, 4, dtype=dtype), net.input(4, dtype=dtype)
        graph = net.graph(net.node("Relu", net.node("Add", a, b)), dtype=dtype)
        before = graph.copy()
        fuse_activation(graph, types_of(graph))
        assert (len(graph.nodes) == 1) is fused
        assert_same(before, graph)


def hard_sigmoid(net: Net, x: str) -> str:
    clipped = net.node("Clip", net.node("Add", x, net.constant(3)), net.constant(0), net.constant(6))
    return net.node("Div", clipped, net.constant(6))


def hard_swish_late(net: Net, x: str) -> str:
    clipped = net.node("Clip", net.node("Add", net.constant(3), x), net.constant(0), net.constant(6))
    return net.node("Mul", net.node("Mul", x, clipped), net.constant(1 / 6))


def gelu(net: Net, x: str, form: int) -> str:
    erf = net.node("Erf", net.node("Div", x, net.constant(2**0.5)))
    one = net.node("Add", erf, net.constant(1))
    half = net.constant(0.5)
    if form == 0:
        return net.node("Mul", net.node("Mul", x, one), half)
    if form == 1:
        return net.node("Mul", net.node("Mul", x, half), one)
    return net.node("Mul", x, net.node("Mul", one, half))


PATTERNS: dict[str, tuple[str, Callable[[Net, str], str]]] = {
    "hard_sigmoid": ("hard_sigmoid", hard_sigmoid),
    "hard_swish": ("hard_swish", lambda net, x: net.node("Mul", x, hard_sigmoid(net, x))),
    "hard_swish_late": ("hard_swish", hard_swish_late),
    "hard_swish_op": (
        "hard_swish",
        lambda net, x: net.node("Mul", net.node("HardSigmoid", x, alpha=1 / 6, beta=0.5), x),
    ),
    "silu": ("silu", lambda net, x: net.node("Mul", x, net.node("Sigmoid", x))),
    "gelu_0": ("gelu", lambda net, x: gelu(net, x, 0)),
    "gelu_1": ("gelu", lambda net, x: gelu(net, x, 1)),
    "gelu_2": ("gelu", lambda net, x: gelu(net, x, 2)),
    "leaky_relu": ("leaky_relu", lambda net, x: net.node("Max", net.node("Mul", x, net.constant(0.1)), x)),
}


@pytest.mark.parametrize("case", PATTERNS)
@pytest.mark.parametrize("after_conv", [False, True])
def test_pattern_becomes_one_activation(case: str, after_conv: bool) -> None:
    kind, write = PATTERNS[case]
    net = Net()
    x = net.input(2, 4, 5, 5)
    graph = net.graph(write(net, net.conv(x, 3, 4) if after_conv else x))
    before = graph.copy()
    fuse_patterns(graph)
    eliminate_dead_code(graph)
    fuse_activation(graph)
    assert ops(graph) == ["Conv" if after_conv else "Identity"]
    assert graph.nodes[0].activation is not None
    assert graph.nodes[0].activation.kind == kind
    assert_same(before, graph, tolerance=1e-5)  # sqrt 2 and 1 / 6 stood in the file in float32


@pytest.mark.parametrize(
    "wrong",
    [
        lambda net, x, y: net.node("Mul", y, net.node("Sigmoid", x)),  # gated by another value
        lambda net, x, y: net.node("Mul", x, net.node("HardSigmoid", x, alpha=0.2, beta=0.5)),
        lambda net, x, y: net.node("Max", x, net.node("Mul", x, net.constant(1.5))),
        lambda net, x, y: net.node("Max", y, net.node("Mul", x, net.constant(0.5))),
    ],
)
def test_what_only_looks_like_a_pattern_stays(wrong: Callable[[Net, str, str], str]) -> None:
    net = Net()
    graph = net.graph(wrong(net, net.input(3, 4), net.input(3, 4)))
    before = ops(graph)
    fuse_patterns(graph)
    assert ops(graph) == before


def test_residual_fuses_into_the_later_convolution() -> None:
    net = Net()
    x = net.input(2, 4, 5, 5)
    first = net.conv(x, 4, 4)
    second = net.conv(net.node("Neg", x), 4, 4, 3, pads=[1, 1, 1, 1])
    graph = net.graph(net.node("Relu", net.node("Add", second, first)))
    before = graph.copy()
    types = types_of(graph)
    fuse_activation(graph, types)
    fuse_residual(graph, types)
    assert ops(graph) == ["Conv", "Neg", "Conv"]
    assert graph.nodes[2].inputs[3] == graph.nodes[0].outputs[0]
    assert_same(before, graph)


def test_residual_made_after_the_convolution_moves_it() -> None:
    net = Net()
    x = net.input(2, 4, 5, 5)
    y = net.conv(x, 4, 4)
    graph = net.graph(net.node("Add", y, net.node("Neg", net.node("Abs", x))))
    before = graph.copy()
    fuse_residual(graph, types_of(graph))
    assert ops(graph) == ["Abs", "Neg", "Conv"]
    assert_same(before, graph)


def test_chained_residuals() -> None:
    net = Net()
    x = net.input(2, 4, 5, 5)
    y = net.node("Add", net.conv(x, 4, 4), x)
    z = net.node("Add", net.conv(y, 4, 4), y)
    graph = net.graph(net.node("Add", z, net.conv(z, 4, 4)))
    before = graph.copy()
    fuse_residual(graph, types_of(graph))
    assert ops(graph) == ["Conv"] * 3
    assert_same(before, graph)


@pytest.mark.parametrize("case", ["broadcast", "twice", "activated", "read elsewhere"])
def test_sums_that_are_no_residuals_stay(case: str) -> None:
    net = Net()
    x = net.input(2, 4, 5, 5)
    y = net.conv(x, 4, 4)
    outputs = []
    if case == "broadcast":
        outputs.append(net.node("Add", y, net.input(2, 4, 1, 1)))
    elif case == "twice":
        outputs.append(net.node("Add", y, y))
    elif case == "activated":
        outputs.append(net.node("Add", net.node("Relu", y), x))
    else:
        outputs += [net.node("Add", y, x), y]
    graph = net.graph(*outputs)
    before = graph.copy()
    types = types_of(graph)
    fuse_activation(graph, types)
    fuse_residual(graph, types)
    assert "Add" in ops(graph)
    assert_same(before, graph)


@pytest.mark.parametrize("shape", [(7,), (1, 7)])
def test_matmul_takes_a_bias(shape: tuple[int, ...]) -> None:
    net = Net()
    y = net.node("MatMul", net.input(2, 3, 5), net.normal(5, 7))
    graph = net.graph(net.node("Add", net.normal(*shape), y))
    before = graph.copy()
    fuse_bias_of_matmul(graph, types_of(graph))
    assert ops(graph) == ["MatMul"]
    assert_same(before, graph)


def test_matmul_takes_no_matrix_as_bias() -> None:
    net = Net()
    y = net.node("MatMul", net.input(3, 5), net.normal(5, 7))
    graph = net.graph(net.node("Add", y, net.normal(3, 7)))
    fuse_bias_of_matmul(graph, types_of(graph))
    assert ops(graph) == ["MatMul", "Add"]


def test_bounds_of_relu_are_those_of_relu() -> None:
    net = Net()
    graph = net.graph(net.node("Relu", net.conv(net.input(1, 1, 1, 1), 1, 1)))
    fuse_activation(graph)
    activation = graph.nodes[0].activation
    assert activation is not None
    assert (activation.kind, activation.alpha, activation.beta) == ("clamp", 0.0, np.inf)
