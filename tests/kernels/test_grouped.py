"""The grouped room: every row against the float64 reference."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convolution_rows import (
    Arguments,
    assert_neighbours_untouched,
    assert_ranges_change_no_bit,
    assert_refused,
    check,
    each_activation,
    epilogues,
    input_size,
    naive,
)
from fastinfer import _core
from guarded import guarded
from kernel_rows import F32, Row, rows_of

TILE = 14  # output pixels at once (7 where there are 16 registers)
USABLE = [row for row in _core.kernels() if row["family"] == "grouped" and row["usable"]]
each_row = rows_of("grouped")


def window_of(row: Row) -> Arguments:
    """A window that the row takes: its own, or an uneven one."""
    if row["kernel"] == (0, 0):
        return {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 2)}
    return {"kernel": row["kernel"], "strides": (row["stride"],) * 2, "dilations": (1, 1)}


def group_sizes(row: Row) -> list[tuple[int, int]]:
    """Inputs and outputs of a group, around what the row's vectors hold."""
    if row["permutes"]:
        half = row["lanes"] // 2
        return [(1, 1), (half, half), (half, 1), (1, half), (half - 1 or 1, half)]
    return [(1, 1), (3, row["lanes"]), (4, row["lanes"] + 1), (2, row["lanes"] - 1), (5, 2 * row["lanes"])]


def problem(
    rng: np.random.Generator, window: Arguments, output_size: tuple[int, int], groups: int, inputs: int,
    outputs: int, batch: int = 1, pads: tuple[int, int] = (1, 1), cut: tuple[int, int] = (1, 1),
) -> Arguments:  # fmt: skip
    """An input of the size that gives output_size with `pads` before it and `cut` missing after it."""
    height, width = input_size(window, output_size, pads, cut)
    return {
        "x": guarded(rng.standard_normal((batch, height, width, groups * inputs)).astype(F32)),
        "w": rng.standard_normal((groups * outputs, inputs, *window["kernel"])).astype(F32),
        "groups": groups, "pads": pads, "output_size": output_size, **window,
    }  # fmt: skip


def test_the_reference_is_the_convolution() -> None:
    window = {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 2)}
    arguments = problem(np.random.default_rng(0), window, (3, 4), 3, 2, 5, batch=2)
    assert np.allclose(_core.run_reference("grouped", **arguments), naive("grouped", arguments), rtol=0, atol=1e-13)


@each_row
def test_widths_around_the_tile(row: Row) -> None:
    rng = np.random.default_rng(1)
    inputs, outputs = group_sizes(row)[1]
    for width in (1, 2, 6, 7, 8, TILE - 1, TILE, TILE + 1, 2 * TILE, 3 * TILE + 2):
        for pads, cut in (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (2, 0))):
            check(row, problem(rng, window_of(row), (3, width), 3, inputs, outputs, 1, pads, cut))


@each_row
def test_groups_around_the_vector(row: Row) -> None:
    rng = np.random.default_rng(2)
    for inputs, outputs in group_sizes(row):
        for groups in (1, 2, 3, 4, 7):
            check(row, problem(rng, window_of(row), (3, TILE + 1), groups, inputs, outputs))


@each_row
def test_windows_wider_than_the_image(row: Row) -> None:
    """Images of one pixel, and outputs that see padding alone."""
    rng = np.random.default_rng(3)
    inputs, outputs = group_sizes(row)[1]
    for pads in ((0, 0), (2, 2), (3, 1)):
        arguments = problem(rng, window_of(row), (2, 2), 3, inputs, outputs, pads=pads)
        arguments["x"] = guarded(rng.standard_normal((1, 1, 1, 3 * inputs)).astype(F32))
        check(row, arguments | {"output_size": (5, 9)})


@each_row
@each_activation
def test_epilogue(row: Row, activation: str, alpha: float, beta: float) -> None:
    rng = np.random.default_rng(4)
    plain = problem(rng, window_of(row), (2, TILE + 2), 5, *group_sizes(row)[1], batch=2)
    for arguments in epilogues(row, rng, plain, activation, alpha, beta):
        check(row, arguments)


@each_row
def test_ranges_of_rows_change_no_bit(row: Row) -> None:
    rng = np.random.default_rng(5)
    arguments = problem(rng, window_of(row), (7, 2 * TILE + 3), 5, *group_sizes(row)[2], batch=2)
    assert_ranges_change_no_bit(row, arguments | {"activation": "silu"})


@each_row
def test_groups_do_not_mix(row: Row) -> None:
    """Infinity in one group leaves the others as they are."""
    rng = np.random.default_rng(6)
    inputs, outputs = group_sizes(row)[1]
    arguments = problem(rng, window_of(row), (3, TILE + 1), 4, inputs, outputs)
    clean = _core.run_kernel(row["name"], **arguments)
    arguments["x"][..., inputs : 2 * inputs] = np.inf
    found = _core.run_kernel(row["name"], **arguments)
    others = np.r_[0:outputs, 2 * outputs : 4 * outputs]
    assert np.array_equal(found[..., others], clean[..., others])
    assert not np.isfinite(found[..., outputs : 2 * outputs]).any()


@each_row
def test_neighbours_are_neither_read_nor_written(row: Row) -> None:
    rng = np.random.default_rng(7)
    assert_neighbours_untouched(row, problem(rng, window_of(row), (3, 2 * TILE + 1), 5, *group_sizes(row)[2]))


@st.composite
def convolutions(draw: st.DrawFn) -> Arguments:
    window = {
        name: tuple(draw(st.integers(1, high)) for _ in range(2))
        for name, high in (("kernel", 5), ("strides", 3), ("dilations", 3))
    }
    if draw(st.booleans()):
        window = {"kernel": (3, 3), "strides": (draw(st.integers(1, 2)),) * 2, "dilations": (1, 1)}
    pads, cut = (tuple(draw(st.integers(0, 3)) for _ in range(2)) for _ in range(2))
    size = (draw(st.integers(1, 5)), draw(st.integers(1, 17)))
    groups, inputs, outputs = (draw(st.integers(1, 9)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return problem(rng, window, size, groups, inputs, outputs, draw(st.integers(1, 2)), pads, cut)


def takes(row: Row, arguments: Arguments) -> bool:
    outputs, inputs = arguments["w"].shape[0] // arguments["groups"], arguments["w"].shape[1]
    plain = arguments["dilations"] == (1, 1) and arguments["strides"] == (row["stride"],) * 2
    fits = row["kernel"] == (0, 0) or (arguments["kernel"] == row["kernel"] and plain)
    return fits and (not row["permutes"] or 2 * max(inputs, outputs) <= row["lanes"])


@settings(max_examples=200, deadline=None)
@given(convolutions())
def test_any_convolution(arguments: Arguments) -> None:
    """Every row computes what it takes, and refuses the rest."""
    for row in USABLE:
        if takes(row, arguments):
            check(row, arguments)
            continue
        assert_refused(row, arguments, "unsupported", {})


def test_bad_arguments() -> None:
    window = {"kernel": (3, 3), "strides": (1, 1), "dilations": (1, 1)}
    arguments = problem(np.random.default_rng(9), window, (3, 3), 2, 2, 2)
    w = arguments["w"]
    changes = (
        {"w": w[:3]}, {"w": w[:, :1]}, {"w": w[..., :2]}, {"bias": np.zeros(3, F32)}, {"groups": 3}, {"groups": 0},
        {"residual": np.zeros((1, 3, 3, 3), F32)},
    )  # fmt: skip
    assert_refused(USABLE[0], arguments, "shape", *changes)
