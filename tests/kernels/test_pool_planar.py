"""The planar rows of the pool room: every row against the float64 reference of all pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start
from kernel_rows import EPS, F32, Array, Row, assert_within, edge_sizes, rows_of, ulp
from kernels.test_pool import WINDOW, draw_window, image, output_size

each_row = rows_of("pool", planar=True)
each_count = pytest.mark.parametrize("count_include_pad", [False, True])


def tolerance(x: Array, y: Array, arguments: dict[str, Any]) -> Array | float:
    """max is exact. Sums err by eps/2 per addition down a column and across; then the divisors' product and a
    quotient.
    """
    if arguments["kind"] == "max":
        return 0.0
    rows, cols = arguments["kernel"]
    return (rows + cols + 3) * EPS / 2 * float(np.abs(x[np.isfinite(x)]).max(initial=0)) + ulp(y)


def check(row: Row, x: Array, y: Array, **arguments: Any) -> None:
    arguments = {"kind": row["kind"], **arguments}
    expected = _core.run_reference("pool", planar=True, x=x, y=y, **arguments)
    _core.run_kernel(row["name"], x=x, y=y, **arguments)
    assert_within(y, expected, tolerance(x, expected, arguments))


def test_the_reference_is_that_of_nhwc() -> None:
    x = image(np.random.default_rng(0), 2, 3, 7, 9)
    y = np.zeros((2, 3, *output_size((7, 9), WINDOW)), F32)
    last = {name: array.transpose(0, 2, 3, 1) for name, array in (("x", x), ("y", y))}
    expected = _core.run_reference("pool", kind="average", **last, **WINDOW)
    found = _core.run_reference("pool", planar=True, kind="average", x=x, y=y, **WINDOW)
    assert np.array_equal(found, expected.transpose(0, 3, 1, 2))


@each_row
@each_count
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_widths_at_the_edges_of_vectors(row: Row, stride: int, count_include_pad: bool) -> None:
    rng = np.random.default_rng(0)
    window = WINDOW | {"kernel": (2, 3), "strides": (2, stride), "pads": (1, 1, 0, 2)}
    for width in edge_sizes(row):
        size = (5, (width - 1) * stride + 2)
        x, out = image(rng, 2, 3, *size), output_size(size, window)
        assert out[1] == width
        for guard in (guarded, guarded_start):
            y = guard(np.zeros((2, 3, *out), F32))
            check(row, guard(x), y, count_include_pad=count_include_pad, **window)


@each_row
def test_heights_around_the_strip(row: Row) -> None:
    """More lines than are made together, and a line that is longer than all of them should be."""
    rng = np.random.default_rng(1)
    for size in ((1, 40), (70, 75), (9, 5000)):
        x, out = guarded(image(rng, 1, 2, *size)), output_size(size, WINDOW)
        check(row, x, guarded(np.zeros((1, 2, *out), F32)), **WINDOW)


@each_row
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_windows(row: Row, data: st.DataObject) -> None:
    size, window, out = draw_window(data, 20)
    x = image(np.random.default_rng(1), 1, 3, *size)
    special = data.draw(st.sampled_from([None, np.nan, np.inf, -np.inf, -0.0]), "special")
    if special is not None:
        x.reshape(-1)[data.draw(st.integers(0, x.size - 1), "at")] = special
    y = guarded(np.full((1, 3, *out), np.nan, F32))
    check(row, guarded(x), y, count_include_pad=data.draw(st.booleans(), "include"), **window)


@each_row
def test_slices_of_planes_and_rows(row: Row) -> None:
    """x and y lie in wider arrays; what is beside them (NaN) neither changes nor matters. Rows are independent."""
    rng = np.random.default_rng(2)
    x, (height, width) = image(rng, 2, 5, 7, 21), output_size((7, 21), WINDOW)
    whole = np.zeros((2, 5, height, width), F32)
    _core.run_kernel(row["name"], x=x, y=whole, **WINDOW)
    wide_x = np.full((2, 9, 11, 40), np.nan, F32)
    wide_y = np.full((2, 8, height, 33), np.nan, F32)
    wide_x[:, 2:7, 3:10, 5:26] = x
    inner = wide_y[:, 1:6, :, 3 : 3 + width]
    _core.run_kernel(row["name"], x=wide_x[:, 2:7, 3:10, 5:26], y=inner, rows=(1, height - 1), **WINDOW)
    np.testing.assert_array_equal(inner[:, :, 1:-1], whole[:, :, 1:-1])
    inner[:, :, 1:-1] = np.nan
    assert np.isnan(wide_y).all()


@each_row
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_nan_infinity_and_zeros(row: Row, stride: int) -> None:
    """A NaN reaches exactly the windows that contain it, from any tap, whatever else they hold; infinities are ordinary
    for max; negative zeros stay zeros.
    """
    for other in (0.0, np.inf, -np.inf, -0.0):
        for tap in range(9):
            x = np.full((1, 1, 3, 3), other, F32)
            x.reshape(-1)[tap] = np.nan
            y = np.zeros((1, 1, 2, 1), F32)
            _core.run_kernel(row["name"], x=x, y=y, kernel=(2, 3), strides=(1, stride))
            assert np.isnan(y[0, 0, :, 0]).tolist() == [tap < 6, tap >= 3]
            x[np.isnan(x)] = other
            _core.run_kernel(row["name"], x=x, y=y, kernel=(2, 3), strides=(1, stride))
            assert (y == other).all()
    if row["kind"] == "max":
        x = np.array([-np.inf, -np.inf, np.inf, 1], F32).reshape(1, 1, 1, 4)
        y = np.zeros((1, 1, 1, 3), F32)
        _core.run_kernel(row["name"], x=x, y=y, kernel=(1, 2))
        assert y.ravel().tolist() == [-np.inf, np.inf, np.inf]


@each_row
@each_count
def test_windows_without_taps(row: Row, count_include_pad: bool) -> None:
    """Of padding above, below and at both sides; beyond the padded image, where no padding counts either."""
    x, y = np.ones((1, 5, 1, 1), F32), np.full((1, 5, 3, 3), np.nan, F32)
    check(row, x, y, kernel=(1, 1), pads=(1, 1, 1, 1), count_include_pad=count_include_pad)
    outside = -np.inf if row["kind"] == "max" else 0.0
    assert (y[0, :, 1, 1] == 1).all() and (y == outside).sum() == 8 * 5
    check(row, x, np.full((1, 5, 2, 4), np.nan, F32), kernel=(1, 1), strides=(3, 2), count_include_pad=False)


@each_row
def test_pixels_that_no_output_reads_are_not_read(row: Row) -> None:
    """Rows behind the last one that a tap reaches are left alone: a stripe may not have made them yet."""
    x = image(np.random.default_rng(3), 1, 2, 9, 12)
    window = {"kernel": (2, 2), "strides": (2, 2)}
    expected, y = (np.zeros((1, 2, 3, 4), F32) for _ in range(2))
    _core.run_kernel(row["name"], x=x, y=expected, **window)
    x[:, :, 6:] = np.nan
    x[:, :, :, 8:] = np.nan
    _core.run_kernel(row["name"], x=x, y=y, **window)
    assert np.array_equal(y, expected)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"kernel": (0, 1)}, "attribute"),
        ({"strides": (1, 0)}, "attribute"),
        ({"kernel": (1, 1 << 21)}, "unsupported"),
        ({"y": np.zeros((1, 2, 2, 1), F32)}, "shape"),
    ],
)
def test_refusals(arguments: dict[str, Any], kind: str) -> None:
    x, y = (np.zeros((1, 1, 2, 2), F32) for _ in range(2))
    with pytest.raises(_core.CoreError) as error:
        _core.run_kernel("pool_f32_max_planar__scalar", **({"x": x, "y": y} | arguments))
    assert error.value.kind == kind
