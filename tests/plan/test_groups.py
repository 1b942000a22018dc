"""Which steps lowering joins to depth-first groups, and that joining them changes no bit."""

from __future__ import annotations

import numpy as np
import pytest

from fastinfer.plan.lower.groups import depth_first_groups
from plan.programs import Net


def chain(height: int, wide: int, second_reader: bool = False) -> Net:
    """pointwise to `wide` channels, depthwise 3x3, pointwise to 8, over images 64 wide."""
    random = np.random.default_rng(height)

    def floats(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return random.standard_normal(shape).astype(np.float32)

    net = Net()
    x = net.image_input(floats(2, 8, height, 64))
    a, b, y = net.image((2, wide, height, 64)), net.image((2, wide, height, 64)), net.image((2, 8, height, 64))
    net.conv(x, a, floats(wide, 8, 1, 1))
    net.conv(a, b, floats(wide, 1, 3, 3), floats(wide), pads=[1, 1, 1, 1], groups=wide)
    net.conv(b, y, floats(8, wide, 1, 1))
    net.output(y)
    if second_reader:
        net.output(a)
    return net


def test_large_activations_between_join_and_shrink_the_arena() -> None:
    net = chain(height=96, wide=48)
    whole = net.prepare()
    wanted = net.run_plan(whole)
    net.program.groups = depth_first_groups(net.program)
    assert [group.steps for group in net.program.groups] == [[0], [1, 2, 3], [4]]
    assert 1 <= net.program.groups[1].stripe_rows < 96
    striped = net.prepare()
    assert [row["stripe_refusal"] for row in striped.report()] == [""] * 5
    assert striped.memory()["arena_bytes"] < whole.memory()["arena_bytes"] / 2
    for got, want in zip(net.run_plan(striped), wanted, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("net", "steps"),
    [
        (chain(height=16, wide=48), [[0], [1], [2], [3], [4]]),  # small: it stays in cache anyway
        (chain(height=96, wide=48, second_reader=True), [[0], [1], [2, 3], [4], [5]]),  # read later, so kept whole
    ],
    ids=["small", "read_twice"],
)
def test_the_rest_stays_alone(net: Net, steps: list[list[int]]) -> None:
    groups = depth_first_groups(net.program)
    assert [group.steps for group in groups] == steps
    assert all(group.stripe_rows == 0 for group in groups if len(group.steps) == 1)
