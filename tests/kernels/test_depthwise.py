"""The depthwise room: every row against the float64 reference."""

from __future__ import annotations

import math
from functools import partial
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
    check,
    depthwise_layers,
    depthwise_problem,
    each_activation,
    epilogues,
    naive,
)
from fastinfer import _core
from guarded import guarded
from kernel_rows import EPS, F32, Array, Row, assert_within, rows_of

USABLE = [row for row in _core.kernels() if row["family"] == "depthwise" and row["usable"]]
each_row = rows_of("depthwise")
problem = partial(depthwise_problem, "depthwise")
TILE = 14  # output pixels at once, of the rows made for one window (7 where there are 16 registers)


def window_of(row: Row) -> Arguments:
    """A window that the row takes: its own, or an uneven one."""
    if row["reduced_stride"]:
        if row["kernel"] == (0, 0):
            return {"kernel": (2, 9), "strides": (2, row["reduced_stride"]), "dilations": (1, 3)}
        return {"kernel": row["kernel"], "strides": (row["stride"],) * 2, "dilations": (1, 1)}
    return {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 2)}


def test_the_reference_is_the_convolution() -> None:
    window: Arguments = {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 2)}
    arguments = problem(np.random.default_rng(0), window, (3, 4), 3, 2, batch=2)
    grouped = {"w": arguments["w"].reshape(6, 1, 3, 2), "groups": 3}
    expected = naive("depthwise", arguments | grouped)
    assert np.allclose(_core.run_reference("depthwise", **arguments), expected, rtol=0, atol=1e-13)


@each_row
def test_widths_around_the_tile(row: Row) -> None:
    rng = np.random.default_rng(1)
    for width in (1, 2, 6, 7, 8, TILE - 1, TILE, TILE + 1, 2 * TILE, 3 * TILE + 2):
        for pads, cut in (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (2, 0))):
            check(row, problem(rng, window_of(row), (3, width), 5, pads=pads, cut=cut))


@each_row
def test_channels_around_the_vector(row: Row) -> None:
    rng = np.random.default_rng(2)
    for channels in (1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 64):
        check(row, problem(rng, window_of(row), (3, TILE + 1), channels))


@each_row
def test_windows_wider_than_the_image(row: Row) -> None:
    """Images of one pixel, and outputs that see padding alone."""
    rng = np.random.default_rng(3)
    for pads in ((0, 0), (2, 2), (3, 1)):
        arguments = problem(rng, window_of(row), (2, 2), 6, pads=pads)
        arguments["x"] = guarded(rng.standard_normal((1, 1, 1, 6)).astype(F32))
        check(row, arguments | {"output_size": (5, 9)})


@each_row
def test_dilated_windows(row: Row) -> None:
    """Phases of different length, some of no line or column at all, with and without a residual."""
    if row["kernel"] == (0, 0) or row["stride"] > 1:
        pytest.skip("no row for one window with dilation")
    rng = np.random.default_rng(11)
    for dilations in ((2, 2), (3, 1), (1, 3), (5, 4)):
        window = window_of(row) | {"dilations": dilations}
        for size in ((1, 1), (4, 3), (7, 2 * TILE + 1), (11, 3 * TILE + 2)):
            plain = problem(rng, window, size, 19, pads=dilations)
            assert_ranges_change_no_bit(row, problem(rng, window, (7, TILE), 5) | {"activation": "silu"})
            for arguments in epilogues(row, rng, plain, "clamp", 0, 6):
                check(row, arguments)


@each_row
@each_activation
def test_epilogue(row: Row, activation: str, alpha: float, beta: float) -> None:
    rng = np.random.default_rng(4)
    plain = problem(rng, window_of(row), (2, TILE + 2), 19, batch=2)
    for arguments in epilogues(row, rng, plain, activation, alpha, beta):
        check(row, arguments)


@each_row
def test_ranges_of_rows_change_no_bit(row: Row) -> None:
    rng = np.random.default_rng(5)
    arguments = problem(rng, window_of(row), (7, 2 * TILE + 3), 21, batch=2) | {"activation": "silu"}
    assert_ranges_change_no_bit(row, arguments)


def rows_means(row: Row, arguments: Arguments, **extra: Any) -> tuple[Array, Array]:
    """The output and the means of its rows, written among NaN between pages that cannot be accessed."""
    batch, outputs = len(arguments["x"]), len(arguments["w"])
    wide = guarded(np.full((batch, arguments["output_size"][0], 1, outputs + 2), np.nan, F32))
    means = wide[..., 1:-1]
    out = np.asarray(_core.run_kernel(row["name"], **arguments, means=means, **extra))
    assert np.all(np.isnan(wide[..., [0, -1]]))
    return out, means


@each_row
@each_activation
def test_means_of_rows(row: Row, activation: str, alpha: float, beta: float) -> None:
    """Beside outputs that are what they are without means."""
    rng = np.random.default_rng(12)
    for width in (1, 6, 7, 8, TILE, 2 * TILE + 3):
        for channels in (5, 19, 35):
            plain = problem(rng, window_of(row), (4, width), channels, batch=2)
            for arguments in epilogues(row, rng, plain, activation, alpha, beta):
                out, means = rows_means(row, arguments)
                assert np.array_equal(out, _core.run_kernel(row["name"], **arguments))
                exact = out.astype(float).mean(2, keepdims=True)
                assert_within(means, exact, (width + 2) * EPS * np.abs(out).mean(2, keepdims=True))


@each_row
def test_means_of_rows_of_phases(row: Row) -> None:
    if row["kernel"] == (0, 0) or row["stride"] > 1:
        pytest.skip("no row for one window with dilation")
    rng = np.random.default_rng(13)
    for size in ((1, 1), (4, 3), (7, 2 * TILE + 1)):
        out, means = rows_means(row, problem(rng, window_of(row) | {"dilations": (3, 2)}, size, 19, pads=(3, 2)))
        exact = out.astype(float).mean(2, keepdims=True)
        assert_within(means, exact, (size[1] + 2) * EPS * np.abs(out).mean(2, keepdims=True))


@each_row
def test_ranges_of_rows_change_no_bit_of_means(row: Row) -> None:
    arguments = problem(np.random.default_rng(14), window_of(row), (7, TILE + 3), 21, batch=2)
    _, whole = rows_means(row, arguments)
    for begin, end in ((0, 1), (1, 1), (1, 4), (4, 7)):
        _, part = rows_means(row, arguments, rows=(begin, end))
        assert np.array_equal(part[:, begin:end], whole[:, begin:end])
        assert np.all(np.isnan(part[:, :begin])) and np.all(np.isnan(part[:, end:]))


@each_row
def test_neighbours_are_neither_read_nor_written(row: Row) -> None:
    assert_neighbours_untouched(row, problem(np.random.default_rng(6), window_of(row), (3, 2 * TILE + 1), 18))


def takes(row: Row, arguments: Arguments) -> bool:
    """Of the rows for any window: those for one multiple of output over tap steps take no other, nor a multiplier."""
    stride, dilation = arguments["strides"][1], arguments["dilations"][1]
    plain = len(arguments["w"]) == arguments["x"].shape[3]
    return row["reduced_stride"] == 0 or (plain and row["reduced_stride"] == stride // math.gcd(stride, dilation))


@settings(max_examples=200, deadline=None)
@given(depthwise_layers("depthwise", 10, 4))
def test_any_convolution(arguments: Arguments) -> None:
    """The generic row takes whatever comes; those for windows of any size take what they can."""
    for row in USABLE:
        if row["kernel"] == (0, 0) and takes(row, arguments):
            check(row, arguments)


@settings(max_examples=150, deadline=None)
@given(depthwise_layers("depthwise", 10, 4), st.sampled_from([row for row in USABLE if row["kernel"] != (0, 0)]))
def test_any_border(arguments: Arguments, row: Row) -> None:
    """The rows made for one window, with any padding."""
    window = window_of(row)
    shape = (arguments["x"].shape[3], int(np.prod(window["kernel"])))
    w = np.random.default_rng(7).standard_normal(shape).astype(F32)
    check(row, arguments | window | {"w": w})


@each_row
def test_every_row_refuses_other_windows(row: Row) -> None:
    if row["reduced_stride"] == 0:
        pytest.skip("the generic row takes any window")
    arguments = problem(np.random.default_rng(8), {"kernel": (2, 3), "strides": (1, 3), "dilations": (1, 1)}, (3, 3), 4)
    assert_refused(row, arguments, "unsupported", {})


def test_bad_arguments() -> None:
    arguments = problem(np.random.default_rng(9), {"kernel": (3, 3), "strides": (1, 1), "dilations": (1, 1)}, (3, 3), 4)
    changes = {"w": arguments["w"][:3]}, {"bias": np.zeros(3, F32)}, {"residual": np.zeros((1, 3, 3, 3), F32)}
    assert_refused(USABLE[0], arguments, "shape", *changes, {"means": np.zeros((1, 3, 3, 4), F32)})
