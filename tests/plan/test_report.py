"""What plan() and profile() show of groups and of expected errors."""

from __future__ import annotations

import json

import numpy as np

from fastinfer import _core
from fastinfer.plan.report import PlanTable, plan_rows, profile_table
from plan.programs import Net


def floats(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def two_groups() -> PlanTable:
    """Two convolutions by stripes of two rows, and a softmax with a convolution, which cannot be striped."""
    net = Net()
    x = net.image_input(floats(1, 4, 6, 6))
    images = [net.image((1, 4, 6, 6)) for _ in range(4)]
    net.conv(x, images[0], floats(4, 4, 1, 1), name="a")
    net.conv(images[0], images[1], floats(4, 1, 3, 3), name="b", groups=4, pads=[1, 1, 1, 1])
    net.step("softmax", [images[1]], [images[2]], name="c", axis=1, log=False)
    net.conv(images[2], images[3], floats(4, 4, 1, 1), name="d")
    net.output(images[3])
    net.group(1, 2, 2)
    net.group(3, 4, 2)
    return PlanTable(tuple(plan_rows(net.program, net.prepare().report(), first_group=7)))


def test_rows_tell_group_stripe_and_refusal() -> None:
    table = two_groups()
    assert [(row.group, row.stripe_rows, row.stripe) for row in table.rows] == [
        (7, 0, ""),
        (8, 2, "8: 2 rows"),
        (8, 2, "8: 2 rows"),
        (9, 0, "9: whole"),
        (9, 0, "9: whole"),
        (10, 0, ""),
    ]
    reason = "c needs its whole input"
    assert [row.stripe_refusal for row in table.rows] == ["", "", "", reason, reason, ""]
    lines = str(table).splitlines()
    assert "8: 2 rows" in lines[3]
    assert f"not by stripes: {reason}" in lines[5]
    step = json.loads(table.to_json())["steps"][3]
    assert (step["group"], step["stripe_rows"], step["stripe_refusal"]) == (9, 0, reason)
    times = profile_table(table.rows, np.ones((3, len(table))), 1e9, 1)
    assert [row.stripe for row in times.rows] == [row.stripe for row in table.rows]
    assert "8: 2 rows" in str(times)


def test_columns_that_say_nothing_are_left_out() -> None:
    net = Net()
    y = net.image((1, 4, 6, 6))
    net.conv(net.image_input(floats(1, 4, 6, 6)), y, floats(4, 4, 1, 1))
    net.output(y)
    rows = plan_rows(net.program, net.prepare().report())
    assert str(PlanTable(tuple(rows))).split()[:7] == ["step", "shape", "algorithm", "kernel", "MACs", "bytes", "why"]
    assert "stripe" not in str(profile_table(rows, np.ones((1, len(rows))), 1e9, 1))


def test_transforms_tell_the_error_that_decides() -> None:
    net = Net()
    wide, y = net.image((1, 8, 20, 20)), net.image((1, 8, 20, 20))
    net.conv(net.image_input(floats(1, 8, 20, 20)), wide, floats(8, 8, 3, 3), name="three", pads=[1, 1, 1, 1])
    net.conv(wide, y, floats(8, 8, 5, 5), name="five", pads=[2, 2, 2, 2])
    net.output(y)
    algorithms = {"three": "winograd_f43", "five": "fft"}
    table = PlanTable(tuple(plan_rows(net.program, net.prepare(algorithms=algorithms).report())))
    rows = {row.step: row for row in table.rows}
    expected = [_core.run_reference("winograd_bounds", m=m, inputs=8)["expected_error"] for m in (2, 4, 6)]
    assert rows["three"].errors == tuple(zip(("winograd_f23", "winograd_f43", "winograd_f63"), expected, strict=True))
    assert rows["three"].error == expected[1]
    assert [name for name, _ in rows["five"].errors] == ["fft"]
    assert 1e-8 < rows["five"].error < 2e-5
    assert f"{expected[1]:.1e}" in str(table)
    plain = PlanTable(tuple(plan_rows(net.program, net.prepare(algorithms={"*": "indirect"}).report())))
    assert [row.error for row in plain.rows] == [0.0] * 4
