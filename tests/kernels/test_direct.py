"""The direct room: every row against the direct sum in float64, for interleaved and planar inputs."""

from __future__ import annotations

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
from kernel_rows import F32, LANES, Array, Row, rows_of

USABLE = [row for row in _core.kernels() if row["family"] == "direct" and row["usable"]]
each_row = rows_of("direct")


def problem(
    rng: np.random.Generator, size: tuple[int, int], shape: tuple[int, int, int, int], batch: int = 1, **window: Any
) -> Arguments:
    """`shape`: of the weights, OIHW; output_size covers the padding on all sides unless given."""
    axes = zip(
        size, shape[2:], *(window.get(k, d) for k, d in (("strides", (1, 1)), ("dilations", (1, 1)))), strict=True
    )
    pads = window.get("pads", (0, 0))
    sizes = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for (n, k, s, d), p in zip(axes, pads, strict=True)]
    return {
        "x": guarded(rng.standard_normal((batch, *size, shape[1])).astype(F32)),
        "w": rng.standard_normal(shape).astype(F32),
        "output_size": [max(n, 0) for n in sizes],
        **window,
    }


def planar(x: Array, place: Any = guarded) -> Array:
    """The same image, channel by channel in memory."""
    return np.asarray(place(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))).transpose(0, 2, 3, 1)


def check(row: Row, arguments: Arguments) -> Array:
    """Interleaved and planar; returns the former."""
    check_row(row, arguments | {"x": planar(arguments["x"])})
    return check_row(row, arguments)


def test_the_reference_is_the_convolution() -> None:
    window: Arguments = {"pads": (2, 1), "strides": (2, 3), "dilations": (1, 2)}
    arguments = problem(np.random.default_rng(0), (7, 9), (2, 3, 3, 2), 2, **window)
    assert np.allclose(_core.run_reference("direct", **arguments), naive("direct", arguments), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("kernel", "stride", "pad"), [(3, 2, 1), (3, 1, 1), (7, 2, 3), (11, 4, 2), (11, 4, 0), (4, 4, 0), (1, 1, 0)]
)
@each_row
def test_first_layers(row: Row, kernel: int, stride: int, pad: int) -> None:
    window: Arguments = {"pads": (pad, pad), "strides": (stride, stride)}
    check(row, problem(np.random.default_rng(1), (33, 61), (24, 3, kernel, kernel), **window))


@each_row
def test_widths_around_the_tile(row: Row) -> None:
    rng = np.random.default_rng(2)
    for width in range(1, 2 * row["mr"] + 2):
        check(row, problem(rng, (2, width), (5, 3, 3, 3), pads=(1, 1)))


@each_row
def test_outputs_and_channels_around_the_vector(row: Row) -> None:
    rng, lanes = np.random.default_rng(3), LANES[row["tier"]]
    for outputs in (1, lanes - 1, lanes, lanes + 1, 2 * lanes - 1, 2 * lanes, 2 * lanes + 1, 5 * lanes + 2):
        check(row, problem(rng, (3, 7), (outputs, 3, 2, 3)))
    for channels in (1, 2, 4, 5, 19):
        check(row, problem(rng, (4, 5), (6, channels, 3, 2), pads=(1, 1)))


@each_activation
@each_row
def test_epilogue(row: Row, activation: str, alpha: float, beta: float) -> None:
    rng, outputs = np.random.default_rng(4), 3 * LANES[row["tier"]] + 3
    plain = problem(rng, (4, 15), (outputs, 3, 3, 3), 2, pads=(1, 1), strides=(2, 1))
    for arguments in epilogues(row, rng, plain, activation, alpha, beta):
        check(row, arguments)


@each_row
def test_ranges_of_rows_change_no_bit(row: Row) -> None:
    arguments = problem(np.random.default_rng(5), (23, 17), (9, 3, 5, 5), 2, pads=(2, 2), strides=(2, 2))
    assert_ranges_change_no_bit(row, arguments | {"activation": "silu"}, ((0, 1), (1, 1), (1, 5), (5, 12)))


@each_row
def test_neighbours_are_neither_read_nor_written(row: Row) -> None:
    outputs = 2 * LANES[row["tier"]] + 3
    assert_neighbours_untouched(row, problem(np.random.default_rng(6), (5, 14), (outputs, 3, 3, 3), pads=(1, 1)))


@each_row
def test_pixels_that_no_output_reads_do_not_matter(row: Row) -> None:
    arguments = problem(np.random.default_rng(7), (9, 31), (4, 3, 3, 3)) | {"output_size": (3, 5)}
    expected = check(row, arguments)
    arguments["x"][:, 5:] = np.nan
    arguments["x"][:, :, 7:] = np.inf
    assert np.array_equal(_core.run_kernel(row["name"], **arguments), expected)


@st.composite
def convolutions(draw: st.DrawFn) -> Arguments:
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    window = {"strides": draw(pair), "dilations": draw(pair)}
    pads = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    size, shape = (
        draw(st.tuples(*[st.integers(1, 14)] * 2)),
        (draw(st.integers(1, 9)), draw(st.integers(1, 4)), *kernel),
    )
    arguments = problem(np.random.default_rng(draw(st.integers(0, 99))), size, shape, draw(st.integers(1, 2)), **window)
    output_size = draw(st.tuples(*[st.integers(1, 14)] * 2))
    return arguments | {"pads": pads, "output_size": output_size}


@settings(max_examples=100, deadline=None)
@given(convolutions(), st.sampled_from(USABLE))
def test_any_convolution(arguments: Arguments, row: Row) -> None:
    check(row, arguments)


def test_bad_arguments() -> None:
    arguments = problem(np.random.default_rng(8), (3, 3), (5, 4, 3, 3), pads=(1, 1))
    changes = ({"w": np.zeros((5, 3, 3, 3), F32)}, {"bias": np.zeros(4, F32)},
               {"residual": np.zeros((1, 3, 3, 4), F32)})  # fmt: skip
    assert_refused(USABLE[0], arguments, "shape", *changes)
