"""Pooling of any rank, dtype and layout, against loops over windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from strided_views import Array, output, random_array, run, view

pytestmark = pytest.mark.portable


def pooled(
    x: Array, shape: tuple[int, ...], kind: str, kernel: list[int], strides: list[int], dilations: list[int],
    pads: list[int], count_include_pad: bool, p: int, column_major: bool,
) -> tuple[Array, Array]:  # fmt: skip
    """y in float64 (max: in x's dtype) and the indices, window by window."""
    axes = len(kernel)
    size = x.shape[2:]
    y = np.zeros(shape, x.dtype if kind == "max" else np.float64)
    where = np.full(shape, -1, np.int64)
    images = np.arange(x.shape[0] * x.shape[1]).reshape(x.shape[:2]) * int(np.prod(size))
    for window in np.ndindex(*shape[2:]):
        taps, padded = [], 0
        for tap in np.ndindex(*kernel):
            at = [window[a] * strides[a] - pads[a] + tap[a] * dilations[a] for a in range(axes)]
            padded += all(at[a] < size[a] + pads[axes + a] for a in range(axes))
            if all(0 <= at[a] < size[a] for a in range(axes)):
                taps.append(tuple(at))
        place = (slice(None), slice(None), *window)
        values = np.stack([x[(slice(None), slice(None), *t)] for t in taps]) if taps else None
        if kind == "max" and values is None:
            y[place] = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        elif kind == "max":
            y[place] = values.max(0)
            flat = np.array([np.ravel_multi_index(t, size, order="F" if column_major else "C") for t in taps])
            where[place] = images + flat[values.argmax(0)]
        elif values is not None and kind == "average":
            y[place] = values.astype(np.float64).sum(0) / (padded if count_include_pad else len(taps))
        elif values is not None:
            y[place] = (np.abs(values.astype(np.float64)) ** p).sum(0) ** (1 / p)
    return y, where


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 3), st.sampled_from(["max", "max", "average", "lp"]), st.booleans(), st.booleans())
def test_pool(data: st.DataObject, axes: int, kind: str, flag: bool, indexed: bool) -> None:
    def several(low: int, high: int) -> list[int]:
        return data.draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes))

    types = (
        [np.float64, np.float32, np.float16, np.int8, np.uint8, np.int32] if kind == "max" else [np.float64, np.float32]
    )
    dtype: Any = data.draw(st.sampled_from(types))
    x = view(
        data, random_array(axes, (data.draw(st.integers(1, 2)), data.draw(st.integers(1, 5)), *several(1, 7)), dtype)
    )
    kernel, strides, dilations, pads = several(1, 3), several(1, 3), several(1, 2), several(0, 2) + several(0, 2)
    ceil = data.draw(st.booleans())
    p = data.draw(st.integers(1, 3))
    spatial = []
    for a in range(axes):
        room = x.shape[a + 2] + pads[a] + pads[axes + a] - (kernel[a] - 1) * dilations[a] - 1
        if room < 0:
            return
        spatial.append((-(-room // strides[a]) if ceil else room // strides[a]) + 1)
    shape = (*x.shape[:2], *spatial)
    y, where = output(data, shape, dtype), output(data, shape, np.int64)
    attributes = {"kernel": kernel, "strides": strides, "dilations": dilations, "pads": pads, "p": p}
    extra = {"indices": where.view} if kind == "max" and indexed else {}
    run(
        "pool_nd",
        x=x,
        y=y.view,
        kind=kind,
        count_include_pad=flag,
        storage_order=flag,
        split=True,
        **attributes,
        **extra,
    )
    expected, expected_where = pooled(
        x, shape, kind, kernel, strides, dilations, pads, count_include_pad=flag, p=p, column_major=flag
    )
    if kind == "max":
        np.testing.assert_array_equal(y.result(), expected)
        if extra:
            np.testing.assert_array_equal(where.result(), expected_where)
    else:
        # Sums in float64 of values of a few units, then one rounding; a power's error grows with its exponent.
        reach = float(np.abs(x).max()) * max(1, p)
        limit = 4 * np.prod(kernel) * np.finfo(np.float64).eps * reach + np.finfo(dtype).eps * np.abs(expected)
        assert (np.abs(y.result() - expected) <= limit).all()


def test_many_channels_and_windows() -> None:
    x = random_array(1, (2, 700, 9, 8), np.uint8)
    y = np.zeros((2, 700, 4, 4), np.uint8)
    run("pool_nd", x=x, y=y, kind="max", kernel=[2, 2], strides=[2, 2], dilations=[1, 1], pads=[0] * 4, split=True)
    np.testing.assert_array_equal(y, x[:, :, :8].reshape(2, 700, 4, 2, 4, 2).max((3, 5)))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"kind": "median"}, "attribute"),
        ({"kernel": [2]}, "attribute"),
        ({"strides": [0, 1]}, "attribute"),
        ({"y": np.zeros((1, 2, 3, 3), np.float32)}, "dtype"),
        ({"y": np.zeros((1, 3, 3, 3))}, "shape"),
        ({"kind": "average", "indices": np.zeros((1, 2, 3, 3), np.int64)}, "attribute"),
    ],
)
def test_refusals(changes: dict[str, Any], kind: str) -> None:
    arguments = {"x": np.zeros((1, 2, 4, 4)), "y": np.zeros((1, 2, 3, 3)), "kind": "max"}
    arguments |= {"kernel": [2, 2], "strides": [1, 1], "dilations": [1, 1], "pads": [0] * 4}
    with pytest.raises(_core.CoreError) as caught:
        run("pool_nd", **(arguments | changes))
    assert caught.value.kind == kind
