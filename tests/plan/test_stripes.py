"""Groups by stripes: bit for bit what whole steps make, whatever the stripe and the threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from plan.programs import Net, nhwc

Array = npt.NDArray[Any]
RELU6 = {"activation": "clamp", "activation_alpha": 0.0, "activation_beta": 6.0}


def floats(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def inverted_residual(net: Net) -> tuple[int, int]:
    """pointwise, depthwise 3x3, pointwise with the input added: a MobileNetV2 block."""
    x = net.image_input(floats(0, 2, 6, 17, 9))
    wide, filtered, y = net.image((2, 30, 17, 9)), net.image((2, 30, 17, 9)), net.image((2, 6, 17, 9))
    first = net.conv(x, wide, floats(1, 30, 6, 1, 1), floats(2, 30), **RELU6)
    net.conv(wide, filtered, floats(3, 30, 1, 3, 3), floats(4, 30), pads=[1, 1, 1, 1], groups=30, **RELU6)
    last = net.conv(filtered, y, floats(5, 6, 30, 1, 1), residual=x)
    net.output(y)
    return first, last


def conv_then_pool(net: Net) -> tuple[int, int]:
    x = net.image_input(floats(0, 1, 3, 23, 12))
    wide, y = net.image((1, 20, 12, 6)), net.image((1, 20, 6, 3))
    first = net.conv(x, wide, floats(1, 20, 3, 7, 7), pads=[3, 3, 3, 3], strides=[2, 2])
    last = net.step(
        "pool", [wide], [y], kind="max", kernel=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=False
    )
    net.output(y)
    return first, last


def branches(net: Net) -> tuple[int, int]:
    """Two convolutions of one tensor into slices of one buffer, added to a third; the first is an output too."""
    x = net.image_input(floats(0, 1, 4, 15, 8))
    stem = net.image((1, 8, 15, 8))
    joined = net.image((1, 8, 15, 8))
    halves = [net.view(net.program.tensors[joined].buffer, (1, 4, 15, 8), nhwc((1, 8, 15, 8)), o) for o in (0, 4)]
    y = net.image((1, 8, 15, 8))
    first = net.conv(x, stem, floats(1, 8, 4, 1, 1))
    net.conv(stem, halves[0], floats(2, 4, 8, 3, 3), pads=[1, 1, 1, 1])
    net.conv(stem, halves[1], floats(3, 4, 8, 5, 3), pads=[4, 2, 4, 2], dilations=[2, 2])
    last = net.step("binary", [joined, stem], [y], function="add", **RELU6)
    net.output(y)
    net.output(stem)
    return first, last


def skipped_rows(net: Net) -> tuple[int, int]:
    """A third of the rows of what the first step makes are read."""
    x = net.image_input(floats(0, 1, 3, 23, 12))
    wide, y = net.image((1, 20, 23, 12)), net.image((1, 5, 8, 4))
    first = net.conv(x, wide, floats(1, 20, 3, 3, 3), pads=[1, 1, 1, 1])
    last = net.conv(wide, y, floats(2, 5, 20, 1, 1), strides=[3, 3])
    net.output(y)
    return first, last


def resized(net: Net) -> tuple[int, int]:
    x = net.image_input(floats(0, 1, 5, 9, 7))
    twice, y = net.image((1, 5, 18, 14)), net.image((1, 3, 18, 14))
    first = net.step("unary", [x], [grown := net.image((1, 5, 9, 7))], function="tanh", alpha=0.0, beta=0.0)
    net.step("resize", [grown], [twice], mode="linear", coordinate_mode="half_pixel", scales=[2.0, 2.0])
    last = net.conv(twice, y, floats(1, 3, 5, 3, 3), pads=[1, 1, 1, 1])
    net.output(y)
    return first, last


@pytest.mark.parametrize("stripe_rows", [1, 2, 5, 100])
@pytest.mark.parametrize(
    "build", [inverted_residual, conv_then_pool, branches, skipped_rows, resized], ids=lambda f: f.__name__
)
def test_stripes_equal_whole_steps(build: Callable[[Net], tuple[int, int]], stripe_rows: int) -> None:
    # Where arithmetic is slow, FFT would be taken there, which needs its whole input.
    algorithms = {"conv3": "indirect"} if build is branches else {}
    whole = Net()
    build(whole)
    wanted = whole.run(algorithms=algorithms)
    striped = Net()
    first, last = build(striped)
    striped.group(first, last, stripe_rows)
    for threads in (1, 2, 3):
        plan = striped.prepare(threads=threads, algorithms=algorithms)
        report = plan.report()[last]
        assert (report["stripe_rows"], report["stripe_refusal"]) == (stripe_rows, "")
        for found, expected in zip(striped.run_plan(plan), wanted, strict=True):
            assert np.array_equal(found, expected)


@pytest.mark.parametrize("algorithm", ["winograd_f23", "winograd_f43", "winograd_f63"])
@pytest.mark.parametrize("stripe_rows", [1, 2, 3, 4])
def test_stripes_of_whole_rows_of_tiles(algorithm: str, stripe_rows: int) -> None:
    """The pool behind needs other numbers of rows than a row of tiles has."""
    answers = []
    for rows in (0, stripe_rows):
        net = Net()
        x, y, z = net.image_input(floats(0, 1, 5, 23, 10)), net.image((1, 6, 23, 10)), net.image((1, 6, 11, 5))
        first = net.conv(x, y, floats(1, 6, 5, 3, 3), name="conv", pads=[1, 1, 1, 1])
        last = net.step("pool", [y], [z], kind="max", kernel=[2, 2], strides=[2, 2])
        net.output(z)
        if rows:
            net.group(first, last, rows)
        for threads in (1, 2):
            plan = net.prepare(threads=threads, algorithms={"conv": algorithm})
            assert plan.report()[last]["stripe_rows"] == rows
            answers.append(net.run_plan(plan)[0])
    assert all(np.array_equal(answer, answers[0]) for answer in answers)


def test_a_group_that_cannot_be_striped_runs_whole_and_says_why() -> None:
    net = Net()
    x = net.image_input(floats(0, 1, 4, 6, 6))
    y, z = net.image((1, 4, 6, 6)), net.image((1, 4, 6, 6))
    first = net.step("softmax", [x], [y], axis=1, log=False)
    last = net.conv(y, z, floats(1, 4, 4, 1, 1))
    net.output(z)
    wanted = net.run()
    net.group(first, last, 2)
    plan = net.prepare()
    assert plan.report()[last]["stripe_rows"] == 0
    assert plan.report()[last]["stripe_refusal"] == "softmax1 needs its whole input"
    assert np.array_equal(net.run_plan(plan)[0], wanted[0])


@pytest.mark.parametrize("threads", [1, 2])
def test_profile_times_every_step_of_a_striped_group(threads: int) -> None:
    net = Net()
    first, last = inverted_residual(net)
    net.group(first, last, 3)
    plan = net.prepare(threads=threads)
    seconds = plan.profile(net.inputs, [np.empty(shape, np.float32) for shape, _ in net.outputs], 4)
    assert seconds.shape == (4, len(net.program.steps))
    assert (seconds > 0).all()


def test_what_flows_between_steps_takes_a_few_rows() -> None:
    """One row of output needs three rows of the wide tensor, and one of the filtered one."""
    net = Net()
    first, last = inverted_residual(net)
    net.group(first, last, 1)
    rows = 9 * 30 * 4  # bytes of one
    plain = 2 * 6 * 17 * 9 * 4
    expected = [(3 * rows + 63) // 64 * 64, (rows + 63) // 64 * 64, *[(plain + 63) // 64 * 64] * 2]
    assert net.prepare().memory()["unshared_bytes"] == sum(expected)
    of_windows = expected[0] + expected[1]  # each thread's band of rows has its own
    assert net.prepare(threads=2).memory()["unshared_bytes"] == sum(expected) + of_windows


def test_a_step_that_overwrites_what_an_earlier_one_reads() -> None:
    net = Net()
    x = net.image_input(floats(0, 1, 4, 9, 9))
    y = net.image((1, 4, 9, 9))
    first = net.conv(x, y, floats(1, 4, 4, 3, 3), pads=[1, 1, 1, 1])
    last = net.step("unary", [y], [x], function="relu", alpha=0.0, beta=0.0)
    net.output(x)
    wanted = net.run()
    net.group(first, last, 2)
    plan = net.prepare()
    assert plan.report()[last]["stripe_refusal"] == "unary2 overwrites what conv1 reads"
    assert np.array_equal(net.run_plan(plan)[0], wanted[0])
