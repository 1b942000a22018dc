"""Placement: buffers that live at the same time never overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastinfer import _core
from plan.programs import Net

ITEM = st.tuples(st.integers(0, 5000), st.integers(0, 12), st.integers(0, 12)).map(
    lambda item: (item[0], min(item[1:]), max(item[1:]))
)


def rounded(size: int) -> int:
    return (size + 63) // 64 * 64


@given(st.lists(ITEM, max_size=40))
def test_contemporaries_do_not_overlap(items: list[tuple[int, int, int]]) -> None:
    total, offsets = _core._place_arena(items)
    for i, (size, first, last) in enumerate(items):
        assert offsets[i] % 64 == 0
        assert 0 <= offsets[i] <= total - size
        for j in range(i):
            other, other_first, other_last = items[j]
            if size and other and first <= other_last and other_first <= last:
                assert offsets[i] + size <= offsets[j] or offsets[j] + other <= offsets[i]
    busiest = max((sum(rounded(s) for s, a, b in items if a <= t <= b) for t in range(13)), default=0)
    assert busiest <= total <= sum(rounded(size) for size, _, _ in items)


def test_a_chain_needs_two_buffers() -> None:
    total, _ = _core._place_arena([(6400, i, i + 1) for i in range(20)])
    assert total == 2 * 6400


def test_sizes_that_overflow() -> None:
    with pytest.raises(_core.CoreError, match="overflow") as error:
        _core._place_arena([(2**62, 0, 1), (2**62, 0, 1)])
    assert error.value.kind == "memory"


def test_memory_limit_is_checked_before_anything_is_allocated() -> None:
    net = Net()
    x = net.input(np.zeros((1,), np.float32))
    wide = net.plain((1 << 40,))  # 4 TiB
    net.step("copy", [net.view(net.program.tensors[x].buffer, (1 << 40,), (0,))], [wide])
    with pytest.raises(
        _core.CoreError, match="4398046511104 bytes for activations, over the limit of 1000000"
    ) as error:
        net.prepare(memory_limit=1_000_000)
    assert error.value.kind == "memory"


def test_memory_report() -> None:
    net = Net()
    x = net.input(np.zeros((100,), np.float32))
    for _ in range(5):
        y = net.plain((100,))
        net.step("copy", [x], [y])
        x = y
    net.output(x)
    plan = net.prepare()
    net.run_plan(plan)
    net.run_plan(plan)
    memory = plan.memory()
    assert memory["arena_bytes"] == 2 * rounded(400)
    assert memory["unshared_bytes"] == 5 * rounded(400)
    assert memory["arenas"] == 1


def chain(net: Net, x: int, functions: list[str]) -> int:
    for function in functions:
        y = net.plain((100,))
        net.step("unary", [x], [y], function=function)
        x = y
    return x


def copied_input(net: Net, values: np.ndarray) -> int:
    """In the arena, where a step may write over it."""
    y = net.plain(values.shape)
    net.step("copy", [net.input(values)], [y])
    return y


VALUES = np.random.default_rng(0).standard_normal(100).astype(np.float32)


def arena_bytes(net: Net) -> int:
    return int(net.prepare().memory()["arena_bytes"])


def test_element_wise_steps_write_in_place() -> None:
    net = Net()
    net.output(chain(net, copied_input(net, VALUES), ["neg", "abs", "neg"]))
    plan = net.prepare()
    assert plan.memory()["arena_bytes"] == rounded(400)
    assert plan.memory()["unshared_bytes"] == 4 * rounded(400)
    np.testing.assert_array_equal(net.run_plan(plan)[0], -abs(VALUES))


@pytest.mark.parametrize("side", [0, 1])
def test_a_binary_step_writes_over_the_input_that_dies(side: int) -> None:
    net = Net()
    kept, dead = copied_input(net, VALUES), copied_input(net, 2 * VALUES)
    y = net.plain((100,))
    net.step("binary", [dead, kept] if side == 0 else [kept, dead], [y], function="sub")
    net.output(y)
    net.output(kept)
    assert arena_bytes(net) == 2 * rounded(400)
    difference, same = net.run()
    np.testing.assert_array_equal(difference, VALUES if side == 0 else -VALUES)
    np.testing.assert_array_equal(same, VALUES)


def test_both_inputs_may_be_the_tensor_that_is_written_over() -> None:
    net = Net()
    x, y = copied_input(net, VALUES), net.plain((100,))
    net.step("binary", [x, x], [y], function="mul")
    net.output(y)
    assert arena_bytes(net) == rounded(400)
    np.testing.assert_array_equal(net.run()[0], VALUES * VALUES)


def test_what_is_read_later_stays() -> None:
    net = Net()
    x = copied_input(net, VALUES)
    net.output(chain(net, x, ["neg"]))
    net.output(x)
    assert arena_bytes(net) == 2 * rounded(400)
    negative, same = net.run()
    np.testing.assert_array_equal(negative, -VALUES)
    np.testing.assert_array_equal(same, VALUES)


def test_other_places_are_not_written_over() -> None:
    """The result has other strides; is broadcast from one row; or another view of the buffer is read, too."""
    square = VALUES[:64].reshape(8, 8)
    net = Net()
    x = copied_input(net, square)
    buffer = net.program.tensors[x].buffer
    turned = net.plain((8, 8))
    net.step("unary", [net.view(buffer, (8, 8), (1, 8))], [turned], function="neg")
    net.output(turned)
    np.testing.assert_array_equal(net.run()[0], -square.T)

    net = Net()
    x = copied_input(net, square)
    buffer = net.program.tensors[x].buffer
    summed = net.plain((8, 8))
    net.step("binary", [x, net.view(buffer, (8, 8), (0, 1))], [summed], function="add")
    net.output(summed)
    np.testing.assert_array_equal(net.run()[0], square + square[0])
    assert arena_bytes(net) == 2 * rounded(256)


def test_steps_of_a_group_do_not_write_in_place() -> None:
    """The group's steps share their lives: the second one reads what the first one read."""
    net = Net()
    x = copied_input(net, VALUES)
    negative, y = net.plain((100,)), net.plain((100,))
    first = net.step("unary", [x], [negative], function="neg")
    net.step("binary", [x, negative], [y], function="sub")
    net.group(first, first + 1, 0)
    net.output(y)
    np.testing.assert_array_equal(net.run()[0], 2 * VALUES)


def test_the_limit_counts_memory_once() -> None:
    net = Net()
    net.output(chain(net, copied_input(net, VALUES), ["neg"] * 5))
    np.testing.assert_array_equal(net.run(memory_limit=rounded(400))[0], -VALUES)
