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
