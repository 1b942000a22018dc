"""Gather and scatter families, one-hot: any layout, negative indices, and indices out of range."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded
from strided_views import DTYPES, NUMBERS, Array, output, random_array, run, seeds, view

pytestmark = pytest.mark.portable

shapes = st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple)
small_shapes = st.lists(st.integers(0, 4), max_size=2).map(tuple)
index_types = st.sampled_from([np.int64, np.int32])
REDUCTIONS = ["none", "add", "mul", "max", "min"]


def indices_below(seed: int, limits: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """Indices in [-limit, limit)."""
    return np.asarray(np.random.default_rng(seed).integers(-np.asarray(limits), limits, shape)).astype(dtype)


@settings(max_examples=150, deadline=None)
@given(st.data(), shapes, small_shapes, st.sampled_from(DTYPES), index_types, seeds)
def test_gather(
    data: st.DataObject, shape: tuple[int, ...], picked: tuple[int, ...], dtype: Any, index_type: Any, seed: int
) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1), "axis")
    x = view(data, random_array(seed, shape, dtype))
    indices = view(data, indices_below(seed, shape[axis], picked, index_type))
    expected = np.take(x, indices, axis=axis)
    y = output(data, expected.shape, dtype)
    run("gather", data=x, indices=indices, y=y.view, axis=axis, split=True)
    np.testing.assert_array_equal(y.result(), expected)


@settings(max_examples=120, deadline=None)
@given(st.data(), shapes, st.sampled_from(DTYPES), index_types, seeds)
def test_gather_elements(data: st.DataObject, shape: tuple[int, ...], dtype: Any, index_type: Any, seed: int) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1), "axis")
    picked = tuple(data.draw(st.integers(1, 8 if d == axis else n)) for d, n in enumerate(shape))
    x = view(data, random_array(seed, shape, dtype))
    indices = view(data, indices_below(seed, shape[axis], picked, index_type))
    y = output(data, picked, dtype)
    run("gather_elements", data=x, indices=indices, y=y.view, axis=axis, split=True)
    within = x[tuple(slice(None) if d == axis else slice(n) for d, n in enumerate(picked))]
    np.testing.assert_array_equal(y.result(), np.take_along_axis(within, indices.astype(np.int64), axis))


def tuples_for(data: st.DataObject, shape: tuple[int, ...], first: int, outer: tuple[int, ...], seed: int) -> Array:
    count = data.draw(st.integers(0, len(shape) - first), "coordinates")
    return indices_below(seed, shape[first : first + count], (*outer, count), np.int64)


@settings(max_examples=120, deadline=None)
@given(st.data(), shapes, small_shapes, st.sampled_from(DTYPES), seeds)
def test_gather_nd(data: st.DataObject, shape: tuple[int, ...], outer: tuple[int, ...], dtype: Any, seed: int) -> None:
    batch = data.draw(st.integers(0, len(shape) - 1), "batch_dims")
    outer = (*shape[:batch], *outer)
    x = view(data, random_array(seed, shape, dtype))
    indices = view(data, tuples_for(data, shape, batch, outer, seed))
    expected = np.zeros((*outer, *shape[batch + indices.shape[-1] :]), dtype)
    for at in np.ndindex(*outer):
        expected[at] = x[(*at[:batch], *indices[at])]
    y = output(data, expected.shape, dtype)
    run("gather_nd", data=x, indices=indices, y=y.view, batch_dims=batch, split=True)
    np.testing.assert_array_equal(y.result(), expected)


def combine(reduction: str, old: Any, new: Any) -> Any:
    with np.errstate(all="ignore"):
        return {
            "none": new,
            "add": old + new,
            "mul": old * new,
            "max": np.maximum(old, new),
            "min": np.minimum(old, new),
        }[reduction]


@settings(max_examples=150, deadline=None)
@given(st.data(), shapes, st.sampled_from(NUMBERS), index_types, seeds, st.sampled_from(REDUCTIONS))
def test_scatter_elements(
    data: st.DataObject, shape: tuple[int, ...], dtype: Any, index_type: Any, seed: int, reduction: str
) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1), "axis")
    picked = tuple(data.draw(st.integers(1, 8 if d == axis else n)) for d, n in enumerate(shape))
    x, updates = view(data, random_array(seed, shape, dtype)), view(data, random_array(seed + 1, picked, dtype))
    indices = view(data, indices_below(seed, shape[axis], picked, index_type))
    y = output(data, shape, dtype)
    run("scatter_elements", data=x, indices=indices, updates=updates, y=y.view, axis=axis, reduction=reduction)
    expected = x.copy()
    for at in np.ndindex(*picked):
        place = (*at[:axis], indices[at], *at[axis + 1 :])
        expected[place] = combine(reduction, expected[place], updates[at])
    np.testing.assert_array_equal(y.result(), expected)


@settings(max_examples=150, deadline=None)
@given(st.data(), shapes, small_shapes, st.sampled_from(NUMBERS), seeds, st.sampled_from(REDUCTIONS))
def test_scatter_nd(
    data: st.DataObject, shape: tuple[int, ...], outer: tuple[int, ...], dtype: Any, seed: int, reduction: str
) -> None:
    x = view(data, random_array(seed, shape, dtype))
    indices = view(data, tuples_for(data, shape, 0, outer, seed))
    updates = view(data, random_array(seed + 1, (*outer, *shape[indices.shape[-1] :]), dtype))
    y = output(data, shape, dtype)
    run("scatter_nd", data=x, indices=indices, updates=updates, y=y.view, reduction=reduction)
    expected = x.copy()
    for at in np.ndindex(*outer):
        place = tuple(indices[at])
        expected[place] = combine(reduction, expected[place], updates[at])
    np.testing.assert_array_equal(y.result(), expected)


def test_scatter_in_place() -> None:
    x = random_array(1, (6,), np.float32)
    y = x.copy()
    run("scatter_nd", data=y, indices=np.array([[1], [1]]), updates=np.array([5, 6], np.float32), y=y, reduction="add")
    x[1] = x[1] + np.float32(5) + np.float32(6)
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("index_type", [np.int64, np.int32])
@pytest.mark.parametrize("row", ["gather", "gather_elements", "gather_nd", "scatter_elements", "scatter_nd"])
@pytest.mark.parametrize("bad", [4, -5, "least", "greatest"])
def test_indices_out_of_range_are_an_error_and_touch_nothing(row: str, index_type: Any, bad: Any) -> None:
    value = {"least": np.iinfo(index_type).min, "greatest": np.iinfo(index_type).max}.get(bad, bad)
    x = guarded(random_array(1, (4,), np.float32))
    indices = guarded(np.array([0, value, 3], index_type))
    arrays: dict[str, Array] = {"data": x, "indices": indices[:, None] if row.endswith("nd") else indices}
    if row.startswith("scatter"):
        arrays |= {"updates": np.ones(3, np.float32), "y": guarded(np.zeros(4, np.float32))}
    else:
        arrays["y"] = guarded(np.zeros(3, np.float32))
    with pytest.raises(_core.CoreError, match="out of range") as caught:
        run(row, **arrays)
    assert caught.value.kind == "value"
    if row.startswith("scatter"):
        np.testing.assert_array_equal(arrays["y"], [1, x[1], x[2], 1])


@pytest.mark.parametrize(
    ("index_type", "axis"), [*itertools.product([np.int64, np.int32, np.uint8, np.float32], [0, 1, 2])]
)
def test_one_hot(index_type: Any, axis: int) -> None:
    indices = np.array([[0, 4, 2], [3, 1, 9]]).astype(index_type)
    if index_type != np.uint8:
        indices[0, 0] = -1  # counts from the end
    shape = list(indices.shape)
    shape.insert(axis, 5)
    y = guarded(np.zeros(shape, np.float32))
    run("one_hot", indices=indices, values=np.array([-1, 7], np.float32), y=y, axis=axis, split=True)
    positions = np.where(indices < 0, indices + 5, indices).astype(np.int64)
    expected = np.where(
        np.expand_dims(positions, axis) == np.arange(5).reshape([5 if d == axis else 1 for d in range(3)]), 7, -1
    )
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    ("row", "arguments", "kind"),
    [
        ("gather", {"data": np.zeros(3), "indices": np.zeros(2), "y": np.zeros(2)}, "dtype"),
        ("gather", {"data": np.zeros(3), "indices": np.zeros(2, np.int64), "y": np.zeros(3)}, "shape"),
        ("gather_nd", {"data": np.zeros(3), "indices": np.zeros((2, 2), np.int64), "y": np.zeros(2)}, "shape"),
        ("gather", {"data": np.zeros(3), "indices": np.zeros(2, np.int64), "y": np.zeros(2), "axis": 1}, "attribute"),
        (
            "scatter_nd",
            {
                "data": np.zeros(3),
                "indices": np.zeros((1, 1), np.int64),
                "updates": np.zeros(1),
                "y": np.zeros(3),
                "reduction": "median",
            },
            "attribute",
        ),
    ],
)
def test_refusals(row: str, arguments: dict[str, Any], kind: str) -> None:
    with pytest.raises(_core.CoreError) as caught:
        run(row, **arguments)
    assert caught.value.kind == kind
