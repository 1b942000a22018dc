"""The FFT room: every row against the direct sum in float64, within the bound of its own arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convolution_rows import (
    Arguments,
    assert_neighbours_untouched,
    assert_ranges_change_no_bit,
    assert_refused,
    each_activation,
    epilogues,
    naive,
)
from convolution_rows import check as check_row
from effort import rounds
from fastinfer import _core
from guarded import guarded
from kernel_rows import F32, LANES, Array, Row, rows_of

UNIT_ROUNDOFF = 2.0**-24
PLAIN = ("x", "w", "groups", "dilations", "pads", "output_size")
USABLE = [row for row in _core.kernels() if row["family"] == "fft" and row["usable"]]
each_row = rows_of("fft")


def problem(
    rng: np.random.Generator, size: tuple[int, int], inputs: int, outputs: int, kernel: tuple[int, int] = (5, 5),
    output_size: tuple[int, int] | None = None, pads: tuple[int, int] = (2, 2), batch: int = 1, groups: int = 1,
    dilations: tuple[int, int] = (1, 1),
) -> Arguments:  # fmt: skip
    return {
        "x": guarded(rng.standard_normal((batch, *size, inputs)).astype(F32)),
        "w": rng.standard_normal((outputs, inputs // groups, *kernel)).astype(F32),
        "groups": groups,
        "dilations": dilations,
        "pads": pads,
        "output_size": size if output_size is None else output_size,
    }


def outputs_of_tile(row: Row, kernel: int = 5) -> int:
    return int(row["t"]) - kernel + 1


def bounds(t: int, inputs: int) -> dict[str, float]:
    return dict(_core.run_reference("fft_bounds", t=t, inputs=inputs))


def tolerance(row: Row, arguments: Arguments, expected: Array) -> Array:
    """n u times the norms of each tile (bound.cc), and the epilogue's own roundings: a sum of up to three terms, and an
    activation within a few last places whose slope is at most 1.2.
    """
    terms = _core.run_reference("fft_magnitude", t=row["t"], **{name: arguments[name] for name in PLAIN})
    n = bounds(row["t"], arguments["w"].shape[1])["roundings"] * UNIT_ROUNDOFF
    added = sum(np.abs(arguments[name]) for name in ("bias", "residual") if name in arguments)
    return np.asarray(1.2 * (n / (1 - n) * terms + 4 * UNIT_ROUNDOFF * (terms + added)) + 1e-6 * np.abs(expected))


def check(row: Row, arguments: Arguments, **extra: Any) -> Array:
    return check_row(row, arguments, tolerance, **extra)


@pytest.mark.parametrize(("groups", "dilations"), [(1, (1, 1)), (2, (2, 1)), (4, (1, 3))])
def test_the_reference_is_the_convolution(groups: int, dilations: tuple[int, int]) -> None:
    arguments = problem(
        np.random.default_rng(0), (6, 7), 4, 8, (3, 2), (5, 4), (2, 0), batch=2, groups=groups, dilations=dilations
    )
    assert np.allclose(_core.run_reference("fft", **arguments), naive("fft", arguments), rtol=0, atol=1e-13)


@each_row
def test_a_single_tap_moves_the_input(row: Row) -> None:
    """Every tap of the window stands where it should: an error here is as large as the output."""
    rng = np.random.default_rng(1)
    for groups in (1, 3):
        arguments = problem(rng, (9, 8), 3, 3, (7, 6), (9, 8), (3, 2), groups=groups)
        for i, j in ((0, 0), (6, 5), (2, 4)):
            arguments["w"][:] = 0
            for o in range(3):
                arguments["w"][o, o if groups == 1 else 0, i, j] = 1 + o
            expected = _core.run_reference("fft", **arguments)
            assert np.abs(_core.run_kernel(row["name"], **arguments) - expected).max() < 1e-5


@each_row
def test_sizes_around_the_tile(row: Row) -> None:
    rng = np.random.default_rng(2)
    m = outputs_of_tile(row)
    for size in ((1, 1), (1, m), (m, 1), (m + 1, m - 1), (m - 1, m + 1), (2, 2 * m + 1)):
        check(row, problem(rng, size, 3, 2))


@each_row
def test_windows(row: Row) -> None:
    """Square and not, as large as the tile, a single tap, and dilated."""
    rng = np.random.default_rng(3)
    t = min(row["t"], 31)
    for kernel in ((t, t), (t, 1), (1, t), (1, 1), (t - 1, 5), (4, 7)):
        check(row, problem(rng, (9, 7), 3, 2, kernel, pads=(kernel[0] // 2, kernel[1] // 2)))
    for dilations in ((2, 1), (1, 3), (3, 2)):
        check(row, problem(rng, (9, 7), 3, 2, (3, 3), pads=(2, 2), dilations=dilations))


@each_row
def test_channels_around_the_vector(row: Row) -> None:
    rng = np.random.default_rng(4)
    lanes = LANES[row["tier"]]
    for inputs in sorted({1, 3, lanes - 1, lanes, lanes + 1, 2 * lanes + 1}):
        check(row, problem(rng, (5, 4), inputs, 6))
    for outputs in sorted({1, 3, lanes - 1, lanes, lanes + 1, 2 * lanes, 3 * lanes + 1}):
        check(row, problem(rng, (4, 7), 6, outputs))
        check(row, problem(rng, (4, 7), outputs, outputs, groups=outputs))


@each_row
def test_groups(row: Row) -> None:
    rng = np.random.default_rng(5)
    for groups, inputs, outputs in ((2, 3, 5), (3, 1, 2), (2, 16, 33), (5, 2, 1)):
        check(row, problem(rng, (6, 5), groups * inputs, groups * outputs, groups=groups, batch=2))


@each_row
def test_paddings(row: Row) -> None:
    """None, wide, negative (the input is cropped), and outputs that see padding alone or not all of the input."""
    rng = np.random.default_rng(6)
    m = outputs_of_tile(row)
    for pads in ((0, 0), (4, 1), (0, 5), (row["t"], 7), (-1, -2)):
        for output_size in ((m, 3), (5, m + 1), (1, 3)):
            check(row, problem(rng, (7, 6), 2, 3, (5, 5), output_size, pads))


@each_row
def test_many_channels(row: Row) -> None:
    """Where the sum over inputs has most of the roundings."""
    check(row, problem(np.random.default_rng(7), (3, 4), 150, 8))


@each_row
def test_several_blocks(row: Row) -> None:
    """More tiles than are transformed together, in several images, and every number of rows of the micro-kernel."""
    m = outputs_of_tile(row)
    rng = np.random.default_rng(8)
    if row["t"] == 8:
        check(row, problem(rng, (11 * m, 10 * m - 1), 1, 2, batch=2))
    for tiles in range(1, 8):
        check(row, problem(rng, (1, tiles * m), 2, 3))


@each_activation
@each_row
def test_epilogue(row: Row, activation: str, alpha: float, beta: float) -> None:
    rng = np.random.default_rng(9)
    channels = LANES[row["tier"]] + 3
    for groups in (1, channels):
        plain = problem(rng, (3, outputs_of_tile(row) + 2), channels, channels, batch=2, groups=groups)
        for arguments in epilogues(row, rng, plain, activation, alpha, beta):
            check(row, arguments)


@pytest.mark.parametrize("grouping", ["one", "two", "depthwise"])
@each_row
def test_ranges_of_rows_change_no_bit(row: Row, grouping: str) -> None:
    m, channels = outputs_of_tile(row), LANES[row["tier"]] + 2
    groups = {"one": 1, "two": 2, "depthwise": channels}[grouping]
    arguments = problem(np.random.default_rng(10), (2 * m + 1, m + 1), channels, channels, batch=2, groups=groups)
    arguments["activation"] = "silu"
    assert_ranges_change_no_bit(row, arguments, ((0, 1), (1, 1), (1, m + 1), (m + 1, 2 * m + 1)))


@pytest.mark.parametrize("depthwise", [False, True])
@each_row
def test_neighbours_are_neither_read_nor_written(row: Row, depthwise: bool) -> None:
    size, channels = (3, outputs_of_tile(row) + 1), LANES[row["tier"]] + 1
    arguments = problem(np.random.default_rng(11), size, channels, channels, groups=channels if depthwise else 1)
    assert_neighbours_untouched(row, arguments, tolerance)


@each_row
def test_pixels_that_no_output_reads_are_not_read(row: Row) -> None:
    """A cropped output leaves the input's last rows and columns alone, whatever they hold."""
    arguments = problem(np.random.default_rng(12), (12, 12), 4, 4, (5, 5), (3, 5), (0, 0))
    expected = check(row, arguments)
    arguments["x"][:, 7:] = np.nan
    arguments["x"][:, :, 9:] = np.inf
    assert np.array_equal(_core.run_kernel(row["name"], **arguments), expected)


@st.composite
def convolutions(draw: st.DrawFn) -> Arguments:
    size, output_size = ((draw(st.integers(1, 14)), draw(st.integers(1, 14))) for _ in range(2))
    groups = draw(st.sampled_from((1, 1, 2, 5)))
    inputs, outputs = (groups * draw(st.integers(1, 5)) for _ in range(2))
    return problem(
        np.random.default_rng(draw(st.integers(0, 99))), size, inputs, outputs,
        (draw(st.integers(1, 4)), draw(st.integers(1, 4))), output_size,
        (draw(st.integers(-2, 4)), draw(st.integers(-2, 4))), draw(st.integers(1, 2)), groups,
        (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.sampled_from(USABLE))
def test_any_convolution(arguments: Arguments, row: Row) -> None:
    check(row, arguments)


@pytest.mark.parametrize("t", [8, 16, 32, 64])
def test_the_expectation_is_near(t: int) -> None:
    """What is measured is of the size that is expected."""
    row = next(row for row in USABLE if row["t"] == t)
    rng = np.random.default_rng(13)
    for inputs in (4, rounds(64)):
        arguments = problem(rng, (t - 4, t - 4), inputs, 6)
        expected = _core.run_reference("fft", **arguments)
        error = _core.run_kernel(row["name"], **arguments) - expected
        measured = math.sqrt(np.mean(error**2) / np.mean(expected**2))
        likely = bounds(t, inputs)["expected_error"]
        assert likely / 10 < measured < likely


def test_bad_arguments() -> None:
    arguments = problem(np.random.default_rng(14), (3, 3), 4, 6)
    row = next(row for row in USABLE if row["t"] == 8)
    changes: tuple[Arguments, ...] = (
        {"w": np.zeros((6, 3, 5, 5), F32)},
        {"w": np.zeros((6, 4, 9, 5), F32)},
        {"groups": 4},
        {"bias": np.zeros(4, F32)},
        {"residual": np.zeros((1, 3, 3, 4), F32)},
        {"dilations": (3, 1)},
    )
    assert_refused(row, arguments, "shape", *changes)
