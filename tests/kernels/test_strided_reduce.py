"""Reductions, arg reductions, running sums and top-k over any layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from strided_views import FLOATS, INTEGERS, NUMBERS, Array, broadcast, output, random_array, run, seeds, view

pytestmark = pytest.mark.portable

shapes = st.lists(st.integers(1, 7) | st.sampled_from([19, 40]), min_size=1, max_size=4).map(tuple)


def log_sum_exp(x: Array, **kwargs: Any) -> Array:
    return np.asarray(np.log(np.sum(np.exp(x), **kwargs)))


FUNCTIONS: dict[str, Callable[..., Array]] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "l1": lambda x, **k: np.sum(np.abs(x), **k),
    "l2": lambda x, **k: np.sqrt(np.sum(x * x, **k)),
    "sum_square": lambda x, **k: np.sum(x * x, **k),
    "log_sum": lambda x, **k: np.log(np.sum(x, **k)),
    "log_sum_exp": log_sum_exp,
}


def axes_of(data: st.DataObject, rank: int) -> tuple[int, ...]:
    return tuple(sorted(data.draw(st.sets(st.integers(0, rank - 1), min_size=1), "axes")))


def kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if d in axes else n for d, n in enumerate(shape))


@settings(max_examples=200, deadline=None)
@given(st.data(), shapes, st.sampled_from(FLOATS), seeds, st.sampled_from([*FUNCTIONS]))
def test_reductions_of_floats(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, name: str) -> None:
    values = random_array(seed, shape, dtype)
    if name == "log_sum":
        values = np.abs(values) + np.array(0.5, dtype)
    if name == "prod":  # the order of the factors must not decide whether a partial product overflows
        values = (np.sign(values) * np.exp2(np.clip(values, -8, 8) / max(1, values.size / 100))).astype(dtype)
    x, axes = broadcast(data, values), axes_of(data, len(shape))
    y = output(data, kept(shape, axes), dtype)
    run("reduce", x=x, y=y.view, function=name, split=True)
    wide = x.astype(np.float64)
    count = int(np.prod([shape[a] for a in axes]))
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[name](wide, axis=axes, keepdims=True)
        # Accumulated in float64 (the oracle too), then rounded once. A product's, power's or logarithm's error is
        # relative; a sum's is relative to the sum of magnitudes.
        magnitude = np.maximum(np.abs(expected), 1 if "log" in name else 0)
        if name in ("sum", "mean"):
            magnitude = np.maximum(magnitude, np.sum(np.abs(wide), axis=axes, keepdims=True))
        limit = 4 * (count + 2) * np.finfo(np.float64).eps * magnitude
        limit = limit + np.finfo(dtype).eps * np.abs(expected) + float(np.finfo(dtype).smallest_subnormal)
        rounded = expected.astype(dtype)
    result = y.result()
    finite = np.isfinite(rounded)
    np.testing.assert_array_equal(result[~finite], rounded[~finite])
    error = np.abs(result[finite].astype(np.float64) - expected[finite])
    assert (error <= limit[finite]).all(), float(np.max(error / limit[finite]))


@settings(max_examples=120, deadline=None)
@given(
    st.data(), shapes, st.sampled_from(INTEGERS), seeds, st.sampled_from(["sum", "max", "min", "prod", "sum_square"])
)
def test_reductions_of_integers(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, name: str) -> None:
    x, axes = broadcast(data, random_array(seed, shape, dtype)), axes_of(data, len(shape))
    y = output(data, kept(shape, axes), dtype)
    run("reduce", x=x, y=y.view, function=name, split=True)
    kwargs = {} if name in ("max", "min") else {"dtype": dtype}  # wrapping in the type itself
    expected = np.sum(x * x, axis=axes, keepdims=True, **kwargs) if name == "sum_square" else None
    expected = FUNCTIONS[name](x, axis=axes, keepdims=True, **kwargs) if expected is None else expected
    np.testing.assert_array_equal(y.result(), expected)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_functions_of_integers_that_are_not_integers_truncate(dtype: Any) -> None:
    x = np.array([[3, 4], [5, 6], [1, 1]], dtype)
    for name, expected in {"mean": [3, 5, 1], "l1": [7, 11, 2], "l2": [5, 7, 1], "log_sum": [1, 2, 0]}.items():
        y = np.zeros((3, 1), dtype)
        run("reduce", x=x, y=y, function=name)
        np.testing.assert_array_equal(y[:, 0], np.array(expected, dtype))
    y = np.zeros((3, 1), dtype)
    run("reduce", x=x, y=y, function="log_sum_exp")
    np.testing.assert_array_equal(y[:, 0], [4, 6, 1])


def test_mean_of_negative_integers_truncates() -> None:
    y = np.zeros(1, np.int32)
    run("reduce", x=np.array([-3, -4], np.int32), y=y, function="mean")
    assert y[0] == -3


def test_booleans_have_any_and_all() -> None:
    x = random_array(3, (5, 6, 2), np.bool_)
    y = np.zeros((5, 1, 2), np.bool_)
    run("reduce", x=x, y=y, function="max")
    np.testing.assert_array_equal(y, x.any(1, keepdims=True))
    run("reduce", x=x, y=y, function="min")
    np.testing.assert_array_equal(y, x.all(1, keepdims=True))
    with pytest.raises(_core.CoreError):
        run("reduce", x=x, y=y, function="sum")


@pytest.mark.parametrize("dtype", NUMBERS)
def test_over_no_elements(dtype: Any) -> None:
    floating = np.dtype(dtype).kind == "f"
    info = np.finfo(dtype) if floating else np.iinfo(dtype)
    identities = {"sum": 0, "l1": 0, "l2": 0, "sum_square": 0, "prod": 1}
    identities |= {"max": -np.inf, "min": np.inf} if floating else {"max": info.min, "min": info.max}
    identities |= {"log_sum": -np.inf, "log_sum_exp": -np.inf, "mean": np.nan} if floating else {"mean": 0}
    for name, expected in identities.items():
        for shape in [(0, 3), (3, 0)]:
            axis = shape.index(0)
            y = np.full(kept(shape, (axis,)), 9, dtype)
            run("reduce", x=np.zeros(shape, dtype), y=y, function=name)
            np.testing.assert_array_equal(y, np.full_like(y, expected))


@pytest.mark.parametrize("length", [3, 20, 700])
@pytest.mark.parametrize("axis", [0, 1])
def test_nan_wins_and_infinities_stay(axis: int, length: int) -> None:
    x = random_array(1, (length, length), np.float32)
    x[0, length // 2] = x[length // 2, 0] = np.nan
    for name in ("max", "min", "log_sum_exp"):
        y = np.zeros(kept(x.shape, (axis,)), np.float32)
        run("reduce", x=x, y=y, function=name)
        np.testing.assert_array_equal(np.isnan(y), np.isnan(x).any(axis=axis, keepdims=True))
    for value in (np.inf, -np.inf):
        y = np.zeros(kept(x.shape, (axis,)), np.float32)
        run("reduce", x=np.full_like(x, value), y=y, function="log_sum_exp")
        assert (y == value).all()


def test_log_sum_exp_does_not_overflow() -> None:
    y = np.zeros((1, 2), np.float32)
    run("reduce", x=np.array([[1000, -1000], [1000, -1000]], np.float32), y=y, function="log_sum_exp")
    np.testing.assert_allclose(y[0], [1000 + np.log(2), -1000 + np.log(2)], rtol=1e-6)


@settings(max_examples=150, deadline=None)
@given(st.data(), shapes, st.sampled_from(NUMBERS), seeds, st.booleans(), st.booleans(), st.booleans())
def test_arg_reduce(
    data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, largest: bool, last: bool, nan: bool
) -> None:
    values = np.trunc(random_array(seed, shape, dtype)).astype(dtype)  # many equals
    if nan and np.dtype(dtype).kind == "f":
        values[values == 1] = np.nan
    x = view(data, values)
    axis = data.draw(st.integers(0, len(shape) - 1), "axis")
    y = output(data, kept(shape, (axis,)), np.int64)
    run("arg_reduce", x=x, y=y.view, largest=largest, axis=axis, select_last=last, split=True)
    find = np.argmax if largest else np.argmin
    if last:
        expected = shape[axis] - 1 - find(np.flip(x, axis), axis=axis, keepdims=True)
    else:
        expected = find(x, axis=axis, keepdims=True)
    np.testing.assert_array_equal(y.result(), expected)


@pytest.mark.parametrize("n", [511, 512, 513, 1500])
def test_arg_reduce_of_long_lines(n: int) -> None:
    x = random_array(n, (3, n), np.float32)
    y = np.zeros((3, 1), np.int64)
    run("arg_reduce", x=x, y=y, largest=True, axis=1)
    np.testing.assert_array_equal(y, np.argmax(x, 1, keepdims=True))


@settings(max_examples=120, deadline=None)
@given(st.data(), shapes, st.sampled_from(NUMBERS), seeds, st.booleans(), st.booleans())
def test_cumsum(
    data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, exclusive: bool, reverse: bool
) -> None:
    x = broadcast(data, random_array(seed, shape, dtype))
    axis = data.draw(st.integers(0, len(shape) - 1), "axis")
    y = output(data, shape, dtype)
    run("cumsum", x=x, y=y.view, axis=axis, exclusive=exclusive, reverse=reverse, split=True)
    floating = np.dtype(dtype).kind == "f"
    line = np.flip(x, axis) if reverse else x
    expected = np.cumsum(line, axis=axis, dtype=np.float64 if floating else dtype)
    if exclusive:
        expected = np.roll(expected, 1, axis)
        expected[(slice(None),) * axis + (0,)] = 0
    expected = np.flip(expected, axis) if reverse else expected
    if floating:
        reach = np.sum(np.abs(x.astype(np.float64)), axis=axis, keepdims=True)
        limit = 2 * shape[axis] * np.finfo(np.float64).eps * reach + np.finfo(dtype).eps * (np.abs(expected) + 1e-30)
        assert (np.abs(y.result().astype(np.float64) - expected) <= limit).all()
    else:
        np.testing.assert_array_equal(y.result(), expected)


def test_cumsum_in_place() -> None:
    x = random_array(1, (5, 40), np.float64)
    y = x.copy()
    run("cumsum", x=y, y=y, axis=0, exclusive=True)
    np.testing.assert_allclose(y, np.cumsum(x, 0) - x, atol=40 * np.finfo(np.float64).eps)


@settings(max_examples=150, deadline=None)
@given(st.data(), shapes, st.sampled_from(NUMBERS), seeds, st.booleans(), st.booleans())
def test_topk(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, largest: bool, nan: bool) -> None:
    values = np.trunc(random_array(seed, shape, dtype)).astype(dtype)
    if nan and np.dtype(dtype).kind == "f":
        values[values == 1] = np.nan
    x = view(data, values)
    axis = data.draw(st.integers(0, len(shape) - 1), "axis")
    k = data.draw(st.integers(0, shape[axis]), "k")
    chosen = (*shape[:axis], k, *shape[axis + 1 :])
    best, where = output(data, chosen, dtype), output(data, chosen, np.int64)
    run("topk", x=x, values=best.view, indices=where.view, axis=axis, largest=largest, split=True)
    # A stable sort puts lower indices first and NaN last; flipping both ends gives the same for the largest.
    if largest:
        order = np.flip(shape[axis] - 1 - np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis=axis, kind="stable")
    expected = np.take(order, np.arange(k), axis=axis)
    np.testing.assert_array_equal(where.result(), expected)
    np.testing.assert_array_equal(best.result(), np.take_along_axis(x, expected, axis))


@pytest.mark.parametrize("n", [511, 512, 513, 2000])
def test_topk_of_long_lines(n: int) -> None:
    x = random_array(n, (2, n), np.float32)
    best, where = np.zeros((2, 7), np.float32), np.zeros((2, 7), np.int64)
    run("topk", x=x, values=best, indices=where, axis=-1, largest=True)
    np.testing.assert_array_equal(where, np.argsort(-x, axis=1, kind="stable")[:, :7])


def test_topk_refuses_more_than_there_is() -> None:
    with pytest.raises(_core.CoreError) as caught:
        run("topk", x=np.zeros(3), values=np.zeros(4), indices=np.zeros(4, np.int64), axis=0)
    assert caught.value.kind == "value"
