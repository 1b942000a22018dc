"""The softmax room: every row over every axis and layout against the float64 reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start
from kernel_rows import EPS, F32, LANES, Array, Row, assert_within, edge_sizes, rows_of
from strided_views import output, view

pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|divide by zero) encountered:RuntimeWarning")


def run(row: Row, x: Array, axis: int, y: Array | None = None) -> Array:
    out = np.full(x.shape, np.nan, F32) if y is None else y
    _core.run_kernel(row["name"], x=x, y=out, axis=axis)
    return out


def tolerance(row: Row, x: Array, axis: int, additions: int) -> Array:
    """x - m rounds by |x - m| eps/2, which the exponential turns into a relative error; it adds 2 ulp of its own. The
    sum takes the mean of its terms' errors, and eps/2 of each addition in sequence. Then come a reciprocal and a
    product; or a logarithm (2 ulp) and two subtractions. Exponentials may be denormal, or vanish: below 2^-126.
    """
    wide = x.astype(np.float64)
    shift = wide.max(axis, keepdims=True) - wide
    y = np.asarray(_core.run_reference("softmax", x=x, axis=axis, log=False))
    term = shift / 2 + 2
    total = (y * term).sum(axis, keepdims=True) + (additions + 3) / 2
    if not row["log"]:
        return np.asarray(y * (term + total + 2) * EPS + 2.0**-126)
    log_sum = np.log(np.exp(-shift).sum(axis, keepdims=True))
    return np.asarray((total + 2 * log_sum + shift + log_sum) * EPS)


def check(row: Row, x: Array, axis: int, y: Array) -> None:
    run(row, x, axis, y)
    lanes = LANES[row["tier"]]
    additions = -(-x.shape[axis] // lanes) + 4 if x.strides[axis] == 4 else x.shape[axis]
    expected = _core.run_reference("softmax", x=x, axis=axis, log=row["log"])
    assert_within(y, expected, tolerance(row, x, axis, additions))


@rows_of("softmax")
@pytest.mark.parametrize("axis", [0, 1])
def test_edges_of_vectors(row: Row, axis: int) -> None:
    """axis 1 is contiguous; along axis 0 the vectors run over neighbouring softmaxes."""
    rng = np.random.default_rng(0)
    for n in edge_sizes(row):
        x = (rng.standard_normal((7, n)) * 5).astype(F32)
        for guard in (guarded, guarded_start):
            check(row, guard(x), axis, guard(np.zeros((7, n), F32)))


@rows_of("softmax")
@pytest.mark.parametrize("shape", [(3, 1000), (2, 3, 5000), (5, 2, 4, 6), (1, 21, 40, 30), (1,)])
def test_axes(row: Row, shape: tuple[int, ...]) -> None:
    x = (np.random.default_rng(1).standard_normal(shape) * 4).astype(F32)
    for axis in range(len(shape)):
        check(row, x, axis, np.zeros(shape, F32))


@rows_of("softmax")
@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=st.lists(st.sampled_from([0, 1, 2, 3, 5, 17]), min_size=1, max_size=4).map(tuple))
def test_any_strides(row: Row, data: st.DataObject, shape: tuple[int, ...]) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1), "axis")
    x = np.random.default_rng(2).standard_normal(shape).astype(F32)
    out = output(data, shape, F32)
    run(row, view(data, x), axis, out.view)
    result = out.result()
    if x.size:
        expected = _core.run_reference("softmax", x=x, axis=axis, log=row["log"])
        assert_within(result, expected, tolerance(row, x, axis, shape[axis]))


@rows_of("softmax")
def test_in_place(row: Row) -> None:
    x = np.random.default_rng(3).standard_normal((6, 50, 3)).astype(F32)
    for axis in range(3):
        y = x.copy()
        np.testing.assert_array_equal(run(row, y, axis, y), run(row, x, axis))


@rows_of("softmax")
@pytest.mark.parametrize("axis", [0, 1])
def test_extremes(row: Row, axis: int) -> None:
    """Large logits do not overflow; -inf has probability 0; a row that is NaN or has an infinite maximum is NaN."""
    n = 21
    x = np.random.default_rng(4).standard_normal((6, n)).astype(F32)
    x[1] += F32(3e38)
    x[2] -= F32(3e38)
    x[3, 4] = -np.inf
    x[4, n - 1] = np.nan
    x[5, 7] = np.inf
    y = np.moveaxis(run(row, np.moveaxis(x, 1, axis).copy(), axis), axis, 1)
    probability = np.exp(y) if row["log"] else y
    np.testing.assert_allclose(probability[:4].sum(1), 1, atol=n * 30 * EPS)
    assert probability[3, 4] == 0
    assert np.isnan(y[4:]).all() and np.isfinite(probability[:4]).all()


@rows_of("softmax", tier="scalar")
def test_refusals(row: Row) -> None:
    x = np.zeros((2, 3), F32)
    with pytest.raises(_core.CoreError, match="axis"):
        run(row, x, 2)
    with pytest.raises(_core.CoreError, match="shape"):
        run(row, x, 1, np.zeros((3, 2), F32))
