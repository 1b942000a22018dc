"""The Winograd room: every row against the direct sum in float64, within the bound of its own arithmetic."""

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
from fastinfer import _core
from guarded import guarded
from kernel_rows import F32, Array, Row, rows_of

UNIT_ROUNDOFF = 2.0**-24
USABLE = [row for row in _core.kernels() if row["family"] == "winograd" and row["usable"]]
each_row = rows_of("winograd")


def problem(
    rng: np.random.Generator, size: tuple[int, int], inputs: int, outputs: int,
    output_size: tuple[int, int] | None = None, pads: tuple[int, int] = (1, 1), batch: int = 1,
) -> Arguments:  # fmt: skip
    return {
        "x": guarded(rng.standard_normal((batch, *size, inputs)).astype(F32)),
        "w": rng.standard_normal((outputs, inputs, 3, 3)).astype(F32),
        "pads": pads,
        "output_size": size if output_size is None else output_size,
    }


def bounds(m: int, inputs: int) -> dict[str, float]:
    return dict(_core.run_reference("winograd_bounds", m=m, inputs=inputs))


def tolerance(row: Row, arguments: Arguments, expected: Array) -> Array:
    """n u times the magnitude of the terms (bound.cc), and the epilogue's own roundings: a sum of up to three terms,
    and an activation within a few last places whose slope is at most 1.2.
    """
    plain = {name: arguments[name] for name in ("x", "w", "pads", "output_size")}
    terms = _core.run_reference("winograd_magnitude", m=row["m"], **plain)
    n = bounds(row["m"], arguments["x"].shape[3])["roundings"] * UNIT_ROUNDOFF
    added = sum(np.abs(arguments[name]) for name in ("bias", "residual") if name in arguments)
    return np.asarray(1.2 * (n / (1 - n) * terms + 4 * UNIT_ROUNDOFF * (terms + added)) + 1e-6 * np.abs(expected))


def check(row: Row, arguments: Arguments, **extra: Any) -> Array:
    return check_row(row, arguments, tolerance, **extra)


def test_the_reference_is_the_convolution() -> None:
    arguments = problem(np.random.default_rng(0), (4, 5), 3, 2, (5, 4), (2, 0), batch=2)
    assert np.allclose(_core.run_reference("winograd", **arguments), naive("winograd", arguments), rtol=0, atol=1e-13)


@each_row
def test_sizes_around_the_tile(row: Row) -> None:
    rng = np.random.default_rng(1)
    m = row["m"]
    for size in ((1, 1), (1, m), (m, 1), (m, m), (m + 1, m - 1), (2 * m, 2 * m + 1), (3 * m - 1, 1), (2, 3 * m + 2)):
        check(row, problem(rng, size, 5, 3))


@each_row
def test_channels_around_the_vector(row: Row) -> None:
    rng = np.random.default_rng(2)
    for inputs in (1, 3, 4, 7, 8, 9, 15, 16, 17, 33):
        check(row, problem(rng, (5, 4), inputs, 6))
    for outputs in (1, 3, 4, 5, 15, 16, 17, 48, 65):
        check(row, problem(rng, (4, 7), 6, outputs))


@each_row
def test_paddings(row: Row) -> None:
    """None, wide, negative (the input is cropped), and outputs that see padding alone or not all of the input."""
    rng = np.random.default_rng(3)
    m = row["m"]
    for pads in ((0, 0), (2, 1), (0, 3), (m + 4, m + 3), (-1, -2)):
        for output_size in ((m, m), (2 * m + 3, m + 1), (1, 3)):
            check(row, problem(rng, (m + 3, m + 2), 4, 5, output_size, pads))


@each_row
def test_many_channels(row: Row) -> None:
    """Where the sum over inputs has most of the roundings."""
    check(row, problem(np.random.default_rng(4), (row["m"], row["m"] + 1), 300, 8))


@each_row
def test_several_blocks(row: Row) -> None:
    """More tiles than are transformed together, in several images."""
    m = row["m"]
    check(row, problem(np.random.default_rng(5), (15 * m, 15 * m - 1), 2, 3, batch=2))


@each_activation
@each_row
def test_epilogue(row: Row, activation: str, alpha: float, beta: float) -> None:
    rng = np.random.default_rng(6)
    plain = problem(rng, (row["m"] + 1, 2 * row["m"]), 3, 19, batch=2)
    for arguments in epilogues(row, rng, plain, activation, alpha, beta):
        check(row, arguments)


@each_row
def test_ranges_of_rows_change_no_bit(row: Row) -> None:
    m = row["m"]
    arguments = problem(np.random.default_rng(7), (3 * m + 1, 2 * m + 1), 5, 18, batch=2) | {"activation": "silu"}
    assert_ranges_change_no_bit(row, arguments, ((0, 1), (1, 1), (1, m + 1), (m + 1, 3 * m + 1)))


@each_row
def test_neighbours_are_neither_read_nor_written(row: Row) -> None:
    size = (row["m"] + 1, 2 * row["m"] + 1)
    assert_neighbours_untouched(row, problem(np.random.default_rng(8), size, 17, 18), tolerance)


@each_row
def test_pixels_that_no_output_reads_are_not_read(row: Row) -> None:
    """A cropped output leaves the input's last rows and columns alone, whatever they hold."""
    arguments = problem(np.random.default_rng(9), (9, 9), 4, 4, (3, 5), (0, 0))
    expected = check(row, arguments)
    arguments["x"][:, 5:] = np.nan
    arguments["x"][:, :, 7:] = np.inf
    assert np.array_equal(_core.run_kernel(row["name"], **arguments), expected)


@st.composite
def convolutions(draw: st.DrawFn) -> Arguments:
    size, output_size = ((draw(st.integers(1, 14)), draw(st.integers(1, 14))) for _ in range(2))
    return problem(
        np.random.default_rng(draw(st.integers(0, 99))), size, draw(st.integers(1, 9)), draw(st.integers(1, 9)),
        output_size, (draw(st.integers(-2, 4)), draw(st.integers(-2, 4))), draw(st.integers(1, 2)),
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.sampled_from(USABLE))
def test_any_convolution(arguments: Arguments, row: Row) -> None:
    check(row, arguments)


@pytest.mark.parametrize("m", [2, 4, 6])
def test_the_bound_holds_and_the_expectation_is_near(m: int) -> None:
    """error_bound covers the magnitude of any input; what is measured is of the size that is expected."""
    row = next(row for row in USABLE if row["m"] == m)
    rng = np.random.default_rng(10)
    for inputs in (8, 128):
        arguments = problem(rng, (2 * m, 2 * m), inputs, 6)
        expected = _core.run_reference("winograd", **arguments)
        error = _core.run_kernel(row["name"], **arguments) - expected
        figures = bounds(m, inputs)
        weights = np.abs(arguments["w"]).max(axis=(2, 3)).sum(axis=1).max()
        plain = {name: arguments[name] for name in ("x", "w", "pads", "output_size")}
        n = figures["roundings"] * UNIT_ROUNDOFF
        terms = n / (1 - n) * _core.run_reference("winograd_magnitude", m=m, **plain)
        assert terms.max() <= figures["error_bound"] * np.abs(arguments["x"]).max() * weights
        measured = math.sqrt(np.mean(error**2) / np.mean(expected**2))
        assert figures["expected_error"] / 30 < measured < figures["expected_error"]


def test_bad_arguments() -> None:
    arguments = problem(np.random.default_rng(11), (3, 3), 4, 5)
    changes = ({"w": np.zeros((5, 3, 3, 3), F32)}, {"w": np.zeros((5, 4, 3, 2), F32)},
               {"bias": np.zeros(4, F32)}, {"residual": np.zeros((1, 3, 3, 4), F32)})  # fmt: skip
    assert_refused(USABLE[0], arguments, "shape", *changes)
