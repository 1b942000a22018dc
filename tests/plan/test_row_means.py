"""Means of its rows that a depthwise convolution makes beside them: who asks for them; every algorithm makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fastinfer import _core
from fastinfer.plan.lower.groups import depth_first_groups
from fastinfer.plan.records import Program
from passes.small import Net as GraphNet
from plan.programs import Net
from plan.test_lower import lowered

Array = npt.NDArray[Any]
EPS = float(np.finfo(np.float32).eps)


def floats(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def depthwise_net(
    stripes: int = 0, size: tuple[int, int] = (17, 9), read: bool = True, **attributes: Any
) -> tuple[Net, int]:
    """pointwise, then depthwise 5x5 with means; its step's number. stripes: rows; 0: two groups. read:
    whether the picture itself is an output too."""
    net = Net()
    x = net.image_input(floats(0, 2, 6, *size))
    wide, y, means = net.image((2, 30, *size)), net.image((2, 30, *size)), net.image((2, 30, size[0], 1))
    first = net.conv(x, wide, floats(1, 30, 6, 1, 1), floats(2, 30))
    step = net.conv(wide, y, floats(3, 30, 1, 5, 5), floats(4, 30), pads=[2, 2, 2, 2], groups=30, **attributes)
    net.program.steps[step].outputs.append(means)
    if read:
        net.output(y)
    net.output(means)
    if stripes:
        net.group(first, step, stripes)
    return net, step


@pytest.mark.parametrize("activation", ["none", "hard_swish", "silu"])
@pytest.mark.parametrize("algorithm", ["depthwise", "indirect", "im2col", "mec", "fft"])
def test_every_algorithm_makes_them(algorithm: str, activation: str) -> None:
    net, step = depthwise_net(activation=activation, activation_alpha=0.0, activation_beta=0.0)
    name = net.program.steps[step].name
    plan = net.prepare(algorithms={name: algorithm})
    report = plan.report()[step]
    assert report["algorithm"] == algorithm
    assert "with the means of its rows" in report["why"]
    assert ("read once more by pool_f32_average" in report["why"]) == (algorithm != "depthwise")
    y, means = net.run_plan(plan)
    exact = y.astype(float).mean(3, keepdims=True)
    assert np.all(np.abs(means - exact) <= (9 + 2) * EPS * np.abs(y).mean(3, keepdims=True))
    for threads in (2, 3):
        for found, expected in zip(net.run(algorithms={name: algorithm}, threads=threads), (y, means), strict=True):
            assert np.array_equal(found, expected)


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("algorithm", ["depthwise", "indirect"])
@pytest.mark.parametrize("stripe_rows", [1, 2, 5, 100])
def test_stripes_change_no_bit(algorithm: str, stripe_rows: int, read: bool) -> None:
    net, step = depthwise_net(read=read)
    algorithms = {net.program.steps[step].name: algorithm}
    wanted = net.run(algorithms=algorithms)
    striped, _ = depthwise_net(stripe_rows, read=read)
    for threads in (1, 2, 3):
        plan = striped.prepare(threads=threads, algorithms=algorithms)
        report = plan.report()[step]
        assert (report["stripe_rows"], report["stripe_refusal"]) == (stripe_rows, "")
        for found, expected in zip(striped.run_plan(plan), wanted, strict=True):
            assert np.array_equal(found, expected)


def test_only_the_last_step_of_a_group_has_them() -> None:
    net, step = depthwise_net()
    y = net.program.steps[step].outputs[0]
    z = net.image((2, 4, 17, 9))
    wanted = net.run()
    net.program.steps, behind = net.program.steps[: step + 1], net.program.steps[step + 1 :]
    net.program.groups = net.program.groups[: step + 1]
    last = net.conv(y, z, floats(5, 4, 30, 1, 1))
    for copy in behind:
        net.step(copy.op, copy.inputs, copy.outputs, name=copy.name)
    net.group(step, last, 2)
    plan = net.prepare()
    assert plan.report()[step]["stripe_refusal"] == f"{net.program.steps[step].name} has several outputs"
    for found, expected in zip(net.run_plan(plan), wanted, strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("shape", [(2, 30, 16, 1), (2, 30, 17, 2), (2, 29, 17, 1), (1, 30, 17, 1)])
def test_means_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    net, step = depthwise_net()
    net.program.steps[step].outputs[1] = net.image(shape)
    with pytest.raises(_core.CoreError, match="the means are not one for each row and channel"):
        net.prepare()


def test_other_convolutions_refuse_them() -> None:
    net, step = depthwise_net()
    net.program.steps[step].attributes["planar"] = True
    with pytest.raises(_core.CoreError, match=r"it makes no means of rows|needs contiguous rows"):
        net.prepare()
    net, step = depthwise_net()
    net.program.steps[step].op = "conv_transpose"
    with pytest.raises(_core.CoreError, match="it makes no means of rows"):
        net.prepare()


# Lowering


def means_made(program: Program) -> list[tuple[int, ...]]:
    """Shapes of the second outputs of convolutions; each is what a global pooling reads."""
    made = [step.outputs[1] for step in program.steps if step.op == "conv" and len(step.outputs) == 2]
    read = [step.inputs[0] for step in program.steps if step.op == "global_pool"]
    assert set(made) <= set(read)
    return [program.tensors[t].shape for t in made]


def depthwise(net: GraphNet, x: str, channels: int = 4, **attributes: Any) -> str:
    return net.node("Relu", net.conv(x, channels, channels, 3, group=channels, pads=[1, 1, 1, 1], **attributes))


def excited(net: GraphNet, x: str, mean: str, channels: int = 4) -> str:
    gate = net.node("Sigmoid", net.conv(mean, channels, channels))
    return net.conv(net.node("Mul", x, gate), 2, channels)


def test_squeeze_reads_the_means_that_its_convolution_makes() -> None:
    net = GraphNet()
    y = depthwise(net, net.input(1, 4, 6, 7))
    program = lowered(net.graph(excited(net, y, net.node("GlobalAveragePool", y))))
    assert means_made(program) == [(1, 4, 6, 1)]


@pytest.mark.parametrize("keepdims", [0, 1])
def test_means_over_height_and_width_are_the_same(keepdims: int) -> None:
    net = GraphNet()
    y = depthwise(net, net.input(2, 4, 6, 7))
    mean = net.node("ReduceMean", y, net.ints(2, 3), keepdims=keepdims)
    assert means_made(lowered(net.graph(mean, net.node("Neg", y)))) == [(2, 4, 6, 1)]


def test_two_means_of_one_picture() -> None:
    net = GraphNet()
    y = depthwise(net, net.input(1, 4, 6, 7))
    means = [net.node("GlobalAveragePool", y) for _ in range(2)]
    program = lowered(net.graph(*(net.node("Neg", mean) for mean in means)))
    assert means_made(program) == [(1, 4, 6, 1)]
    assert len({step.inputs[0] for step in program.steps if step.op == "global_pool"}) == 1


CASES = ["maximum", "dense", "joined", "one column", "changed behind it"]


@pytest.mark.parametrize("case", CASES)
def test_pictures_that_are_read_as_before(case: str) -> None:
    net = GraphNet()
    x = net.input(1, 4, 6, 1 if case == "one column" else 7)
    y = net.conv(x, 4, 4, 3, pads=[1, 1, 1, 1]) if case == "dense" else depthwise(net, x)
    if case == "joined":
        y = net.node("Concat", y, depthwise(net, x), axis=1)
    if case == "changed behind it":
        y = net.node("Tanh", y)
    pooled = net.node("GlobalMaxPool" if case == "maximum" else "GlobalAveragePool", y)
    assert means_made(lowered(net.graph(pooled, net.node("Neg", y)))) == []


def test_a_chain_ends_in_the_convolution_that_makes_means() -> None:
    for size, steps in (((17, 9), [[1], [2]]), ((96, 128), [[1, 2]])):
        net, _ = depthwise_net(size=size)
        assert [group.steps for group in depth_first_groups(net.program)][1:-2] == steps
