"""The sparse room: every row against the direct sum in float64, within the bound of its own sums."""

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
from kernel_rows import F32, Array, Row, rows_of

UNIT_ROUNDOFF = 2.0**-24
USABLE = [row for row in _core.kernels() if row["family"] == "sparse" and row["usable"]]
each_row = rows_of("sparse")


def problem(
    rng: np.random.Generator, size: tuple[int, int], inputs: int, outputs: int, kernel: tuple[int, int] = (1, 1),
    density: float = 0.3, batch: int = 1, strides: tuple[int, int] = (1, 1), dilations: tuple[int, int] = (1, 1),
    pads: tuple[int, int] = (0, 0), output_size: tuple[int, int] | None = None,
) -> Arguments:  # fmt: skip
    w = rng.standard_normal((outputs, inputs, *kernel)).astype(F32)
    w[rng.random(w.shape) >= density] = 0
    return {
        "x": guarded(rng.standard_normal((batch, inputs, *size)).astype(F32)),
        "w": w,
        "kernel": kernel,
        "strides": strides,
        "dilations": dilations,
        "pads": pads,
        "output_size": size if output_size is None else output_size,
    }


def tolerance(row: Row, arguments: Arguments, expected: Array) -> Array:
    """A chain of n products, a bias and a residual: (n + 2) u / (1 - (n + 2) u) times the sum of the terms' sizes; then
    an activation within a few last places whose slope is at most 1.2.
    """
    sizes = {name: np.abs(value) if name in ("x", "w", "bias", "residual") else value
             for name, value in arguments.items() if not name.startswith("activation")}  # fmt: skip
    terms = _core.run_reference("sparse", **sizes)
    n = (np.count_nonzero(arguments["w"], axis=(1, 2, 3)).max(initial=0) + 2) * UNIT_ROUNDOFF
    return np.asarray(1.2 * (n / (1 - n) * terms) + 1e-6 * np.abs(expected) + 2.0**-140)


def check(row: Row, arguments: Arguments, **extra: Any) -> Array:
    return check_row(row, arguments, tolerance, **extra)


def test_the_reference_is_the_convolution() -> None:
    arguments = problem(np.random.default_rng(0), (5, 6), 3, 2, (3, 2), 1, 2, (2, 1), (1, 2), (1, 2), (3, 5))
    assert np.allclose(_core.run_reference("sparse", **arguments), naive("sparse", arguments), rtol=0, atol=1e-13)


@each_row
def test_pixels_around_the_tile(row: Row) -> None:
    rng = np.random.default_rng(1)
    lanes, tile = row["lanes"], row["pixels"]
    for pixels in (1, 2, lanes - 1, lanes, lanes + 1, 3 * lanes + 1, tile - 1, tile, tile + 1, 2 * tile + lanes + 3):
        check(row, problem(rng, (1, pixels), 5, 3))
        check(row, problem(rng, (pixels, 1), 3, 2, (3, 3), pads=(1, 1)))


@pytest.mark.parametrize("density", [0.0, 0.01, 0.1, 0.5, 1.0])
@each_row
def test_densities(row: Row, density: float) -> None:
    """Rows of any number of weights, none among them."""
    rng = np.random.default_rng(2)
    check(row, problem(rng, (6, 7), 70, 33, density=density) | {"bias": rng.standard_normal(33).astype(F32)})
    check(row, problem(rng, (6, 7), 9, 12, (3, 3), density, pads=(1, 1)))


@each_row
def test_several_chunks(row: Row) -> None:
    """More input channels than stay in L1, with some that no weight reads."""
    rng = np.random.default_rng(3)
    for kernel, pads in (((1, 1), (0, 0)), ((3, 3), (1, 1))):
        arguments = problem(rng, (16, 17), 700, 5, kernel, 0.02, pads=pads)
        arguments["w"][1, 100:] = 0
        arguments["w"][2, :600] = 0
        arguments["w"][3] = 0
        check(row, arguments | {"activation": "clamp", "activation_alpha": 0.0, "activation_beta": 6.0,
                                "bias": rng.standard_normal(5).astype(F32)})  # fmt: skip


@each_activation
@each_row
def test_rows_of_nearly_whole_vectors(row: Row, activation: str, alpha: float, beta: float) -> None:
    """Those that are staged apart by whole vectors, whose last pixels are dropped."""
    rng = np.random.default_rng(9)
    for width in (row["lanes"] - 1, row["lanes"] - 2, 2 * row["lanes"] - 5):
        plain = problem(rng, (23, width), 7, 5, (3, 3), 0.4, 2, pads=(1, 1))
        for arguments in epilogues(row, rng, plain, activation, alpha, beta):
            check(row, arguments)
        check(row, problem(rng, (30, width), 300, 3, (3, 3), 0.05, pads=(1, 1)))
        check(row, problem(rng, (41, 2 * width), 9, 3, (3, 3), pads=(1, 1), strides=(2, 2), output_size=(21, width)))


@each_row
def test_several_strips(row: Row) -> None:
    """More rows than are staged together."""
    rng = np.random.default_rng(4)
    check(row, problem(rng, (70, 75), 260, 2, (3, 3), 0.02, pads=(1, 1)))
    check(row, problem(rng, (131, 130), 130, 2, (3, 3), 0.02, strides=(2, 2), pads=(1, 1), output_size=(66, 65)))


WINDOWS = [
    ((3, 3), (2, 2), (1, 1), (1, 1), (5, 6)),
    ((3, 3), (2, 2), (1, 1), (0, 0), (4, 5)),
    ((1, 1), (2, 2), (1, 1), (0, 0), (5, 6)),
    ((1, 1), (1, 1), (1, 1), (1, 2), (11, 15)),
    ((5, 4), (1, 1), (1, 1), (2, 1), (9, 10)),
    ((3, 3), (1, 1), (2, 3), (2, 3), (9, 11)),
    ((3, 2), (2, 3), (2, 2), (1, 1), (4, 4)),
    ((2, 3), (3, 1), (1, 1), (0, 2), (3, 13)),
    ((7, 7), (4, 4), (1, 1), (3, 3), (3, 3)),
    ((3, 3), (1, 1), (1, 1), (12, 15), (9, 4)),
]


@pytest.mark.parametrize(("kernel", "strides", "dilations", "pads", "output_size"), WINDOWS)
@each_row
def test_windows(row: Row, kernel: Any, strides: Any, dilations: Any, pads: Any, output_size: Any) -> None:
    rng = np.random.default_rng(5)
    check(row, problem(rng, (9, 11), 6, 7, kernel, 0.5, 2, strides, dilations, pads, output_size))


@each_activation
@each_row
def test_epilogue(row: Row, activation: str, alpha: float, beta: float) -> None:
    rng = np.random.default_rng(6)
    plain = problem(rng, (5, 9), 3, 19, (3, 3), 0.4, 2, pads=(1, 1))
    for arguments in epilogues(row, rng, plain, activation, alpha, beta):
        check(row, arguments)


@pytest.mark.parametrize(("kernel", "strides"), [((1, 1), (1, 1)), ((3, 3), (1, 1)), ((3, 3), (2, 2))])
@each_row
def test_ranges_of_rows_and_panels_change_no_bit(row: Row, kernel: Any, strides: Any) -> None:
    rng = np.random.default_rng(7)
    pad = kernel[0] // 2
    size = (7 * strides[0], 9 * strides[1])
    arguments = problem(rng, size, 300, 70, kernel, 0.05, 2, strides, pads=(pad, pad), output_size=(7, 9))
    arguments["activation"] = "silu"
    whole = check(row, arguments)
    assert np.array_equal(whole, _core.run_kernel(row["name"], **arguments, threads=3))
    assert_ranges_change_no_bit(row, arguments)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3)])
@each_row
def test_neighbours_are_neither_read_nor_written(row: Row, kernel: Any) -> None:
    pads = (kernel[0] // 2,) * 2
    arguments = problem(np.random.default_rng(8), (5, row["lanes"] + 2), 7, 6, kernel, pads=pads)
    assert_neighbours_untouched(row, arguments, tolerance)


@pytest.mark.parametrize(("strides", "output_size"), [((1, 1), (3, 5)), ((2, 2), (3, 3)), ((3, 3), (2, 2))])
@each_row
def test_pixels_that_no_output_reads_are_not_read(row: Row, strides: Any, output_size: Any) -> None:
    """Rows behind the last one that a tap reaches are left alone (a stripe may not have made them yet), and channels
    without weights, whatever they hold.
    """
    arguments = problem(np.random.default_rng(9), (12, 12), 4, 4, (3, 3), 1, 1, strides, output_size=output_size)
    arguments["w"][:, 2] = 0
    expected = check(row, arguments)
    last = (output_size[0] - 1) * strides[0] + 3
    arguments["x"][:, 2] = np.nan
    arguments["x"][:, :, last:] = np.nan
    assert np.array_equal(_core.run_kernel(row["name"], **arguments), expected)


@st.composite
def convolutions(draw: st.DrawFn) -> Arguments:
    size, output_size, kernel, strides, dilations = (
        (draw(st.integers(1, most)), draw(st.integers(1, most))) for most in (14, 14, 4, 3, 3)
    )
    return problem(
        np.random.default_rng(draw(st.integers(0, 99))), size, draw(st.integers(1, 9)), draw(st.integers(1, 9)),
        kernel, draw(st.floats(0, 1)), draw(st.integers(1, 2)), strides, dilations,
        (draw(st.integers(0, 4)), draw(st.integers(0, 4))), output_size,
    )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(convolutions(), st.sampled_from(USABLE), st.integers(1, 4))
def test_any_convolution(arguments: Arguments, row: Row, threads: int) -> None:
    check(row, arguments, threads=threads)


def test_bad_arguments() -> None:
    arguments = problem(np.random.default_rng(11), (3, 3), 4, 5)
    changes = ({"w": np.zeros((5, 3, 1, 1), F32)}, {"w": np.zeros((5, 4, 1, 2), F32)},
               {"bias": np.zeros(4, F32)}, {"residual": np.zeros((1, 4, 3, 3), F32)})  # fmt: skip
    assert_refused(USABLE[0], arguments, "shape", *changes)
