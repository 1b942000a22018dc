"""Data movement: copy and cast, fill, where, trilu, pad."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded
from strided_views import DTYPES, FLOATS, Array, broadcast, output, random_array, run, seeds, shapes, view

pytestmark = pytest.mark.portable


@settings(max_examples=200, deadline=None)
@given(st.data(), shapes, st.sampled_from(DTYPES), seeds, st.booleans())
def test_copy_moves_any_layout_to_any_other(
    data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, split: bool
) -> None:
    x = broadcast(data, random_array(seed, shape, dtype))
    y = output(data, shape, dtype)
    run("copy", x=x, y=y.view, split=split)
    np.testing.assert_array_equal(y.result(), x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.uint8])
@pytest.mark.parametrize("pixels", [1, 3, 8, 15, 64, 65, 150])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8, 9, 67, 300])
def test_planes_become_pixels_and_back(dtype: Any, pixels: int, channels: int) -> None:
    planes = guarded(random_array(pixels, (2, channels, pixels), dtype))
    picture = guarded(np.zeros((2, pixels, channels), dtype))
    run("copy", x=planes, y=picture.transpose(0, 2, 1), split=True)
    np.testing.assert_array_equal(picture, planes.transpose(0, 2, 1))
    back = guarded(np.zeros_like(planes))
    run("copy", x=picture.transpose(0, 2, 1), y=back, split=True)
    np.testing.assert_array_equal(back, planes)


@pytest.mark.parametrize("groups", [2, 3, 4, 5])
@pytest.mark.parametrize("columns", [2, 4, 29, 300])
def test_channels_of_many_pixels_are_shuffled(groups: int, columns: int) -> None:
    """More planes than a task takes, each a pixel's channels."""
    pixels = guarded(random_array(1, (40, 30, groups, columns), np.float32))
    shuffled = guarded(np.zeros((40, 30, columns, groups), np.float32))
    run("copy", x=pixels.transpose(0, 1, 3, 2), y=shuffled, split=True)
    np.testing.assert_array_equal(shuffled, pixels.transpose(0, 1, 3, 2))


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 16, 17])
def test_channel_slices(channels: int) -> None:
    wide = guarded(random_array(1, (2, 5, 7, channels + 4), np.float32))
    narrow = guarded(np.zeros((2, 5, 7, channels), np.float32))
    run("copy", x=wide[..., 2 : 2 + channels], y=narrow)
    np.testing.assert_array_equal(narrow, wide[..., 2 : 2 + channels])
    wide[...] = 0
    run("copy", x=narrow, y=wide[..., 4:])
    np.testing.assert_array_equal(wide[..., 4:], narrow)
    assert not wide[..., :4].any()


def truncated(x: Array, dtype: np.dtype[Any]) -> Array:
    """What make_copy promises of float to integer, step by step in wide integers."""
    wide = x.astype(np.float64)
    if dtype == np.uint64:
        high = (wide >= 2.0**63) & (wide < 2.0**64)
        upper = np.where(high, wide - 2.0**63, 0).astype(np.uint64) + np.uint64(2**63)
        return np.where(high, upper, truncated(x, np.dtype(np.int64)).astype(np.uint64))
    bits = 64 if dtype in (np.int64, np.uint32) else 32
    limit = 2.0 ** (bits - 1)
    whole = np.trunc(wide)
    inside = (whole >= -limit) & (whole < limit)
    return np.where(inside, np.where(inside, whole, 0).astype(np.int64), -(2 ** (bits - 1))).astype(dtype)


def cast(x: Array, dtype: Any) -> Array:
    dtype = np.dtype(dtype)
    with np.errstate(all="ignore"):
        return truncated(x, dtype) if x.dtype.kind == "f" and dtype.kind in "iu" else x.astype(dtype)


# Ties of rounding, ends of integer ranges, subnormal halves, and doubles that two roundings would get wrong.
SPECIAL = [
    *[0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -1.0, 127.9, 128, 255.9, 256, -129, 32768, 65519.996, 65520, -65536],
    *[2.0**24 + 1, 2.0**31 - 1, 2.0**31, -(2.0**31), -(2.0**31) - 1, 2.0**32, 2.0**53, 2.0**62, 2.0**63, -(2.0**63)],
    *[2.0**64, 1e30, 1e300, 1e-7, 6e-8, 2.9e-8, 1e-46, np.inf, -np.inf, np.nan],
    *[1 + 2.0**-11, 1 + 2.0**-11 + 2.0**-40, 1 + 3 * 2.0**-11],
]


@pytest.mark.parametrize(("source", "target"), list(itertools.product(DTYPES, DTYPES)))
def test_casts(source: Any, target: Any) -> None:
    with np.errstate(all="ignore"):
        special = np.array(SPECIAL).astype(source) if np.dtype(source).kind == "f" else np.zeros(0, source)
    x = np.concatenate([special, random_array(3, 1200, source)])
    y = guarded(np.zeros(x.shape, target))
    run("copy", x=guarded(x), y=y)
    # NumPy rounds int64 and float64 to float16 once; so do we, but integers go by way of float32, exact below 2^24.
    np.testing.assert_array_equal(y, cast(x, target))


@settings(max_examples=60, deadline=None)
@given(st.data(), shapes, st.sampled_from(DTYPES), st.sampled_from(DTYPES), seeds)
def test_casts_between_layouts(
    data: st.DataObject, shape: tuple[int, ...], source: Any, target: Any, seed: int
) -> None:
    x = broadcast(data, random_array(seed, shape, source))
    y = output(data, shape, target)
    run("copy", x=x, y=y.view, split=True)
    np.testing.assert_array_equal(y.result(), cast(x, target))


def test_bfloat16_rounds_to_nearest_even() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 20000, dtype=np.uint32)
    bits = np.concatenate([bits, bits & 0xFFFF8000, np.array([0x7F7FFFFF, 0x7F800000, 0xFF800000, 0, 1], np.uint32)])
    x = bits.view(np.float32)
    y = np.zeros(x.shape, np.uint16)
    run("copy", x=x, y=y, bf16=["y"])
    below = (bits >> 16).astype(np.uint64)
    rest = bits & 0xFFFF
    up = (rest > 0x8000) | ((rest == 0x8000) & (below % 2 == 1))
    finite = np.isfinite(x)
    np.testing.assert_array_equal(y[finite], (below + up)[finite])
    back = np.zeros(x.shape, np.float32)
    run("copy", x=y, y=back, bf16=["x"])
    np.testing.assert_array_equal(back[~finite], x[~finite])  # infinities stay, NaN stays NaN
    np.testing.assert_array_equal(back.view(np.uint32), y.astype(np.uint32) << 16)


@settings(max_examples=60, deadline=None)
@given(st.data(), shapes, st.sampled_from(DTYPES), st.integers(0, 100) | st.floats(-100, 100))
def test_fill(data: st.DataObject, shape: tuple[int, ...], dtype: Any, value: float) -> None:
    y = output(data, shape, dtype)
    run("fill", y=y.view, value=value, split=True)
    np.testing.assert_array_equal(y.result(), np.broadcast_to(cast(np.array(value), dtype), shape))


def test_fill_keeps_large_integers() -> None:
    y = np.zeros(3, np.int64)
    run("fill", y=y, value=2**63 - 1)
    assert (y == 2**63 - 1).all()


@settings(max_examples=60, deadline=None)
@given(st.data(), shapes, st.sampled_from(DTYPES), seeds)
def test_where(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int) -> None:
    condition = broadcast(data, random_array(seed, shape, np.bool_))
    a, b = (broadcast(data, random_array(seed + i, shape, dtype)) for i in (1, 2))
    y = output(data, shape, dtype)
    run("where", condition=condition, a=a, b=b, y=y.view, split=True)
    np.testing.assert_array_equal(y.result(), np.where(condition, a, b))


@settings(max_examples=60, deadline=None)
@given(st.data(), shapes.filter(lambda s: len(s) >= 2), st.sampled_from(DTYPES), st.integers(-12, 12), st.booleans())
def test_trilu(data: st.DataObject, shape: tuple[int, ...], dtype: Any, k: int, upper: bool) -> None:
    x = view(data, random_array(len(shape), shape, dtype))
    y = output(data, shape, dtype)
    run("trilu", x=x, y=y.view, k=k, upper=upper, split=True)
    np.testing.assert_array_equal(y.result(), np.triu(x, k) if upper else np.tril(x, k))


modes = st.sampled_from(["constant", "reflect", "edge", "wrap"])


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(st.integers(1, 7), min_size=1, max_size=4).map(tuple), st.sampled_from(DTYPES), modes)
def test_pad(data: st.DataObject, shape: tuple[int, ...], dtype: Any, mode: str) -> None:
    x = view(data, random_array(5, shape, dtype))
    pads = [data.draw(st.tuples(st.integers(-n // 3, 9), st.integers(-n // 3, 9))) for n in shape]
    cropped = x[tuple(slice(max(-b, 0), n - max(-a, 0)) for (b, a), n in zip(pads, shape, strict=True))]
    if 0 in cropped.shape:
        return
    extra = {"constant_values": np.array(1, dtype)} if mode == "constant" else {}
    expected = np.pad(cropped, [(max(b, 0), max(a, 0)) for b, a in pads], mode=mode, **extra)  # type: ignore[call-overload]
    y = output(data, expected.shape, dtype)
    run("pad", x=x, y=y.view, mode=mode, pads=[p[0] for p in pads] + [p[1] for p in pads], value=1, split=True)
    np.testing.assert_array_equal(y.result(), expected)


def test_pad_of_a_scalar() -> None:
    y = np.zeros((), np.int16)
    run("pad", x=np.array(7, np.int16), y=y, pads=[])
    assert y == 7


@pytest.mark.parametrize("dtype", FLOATS)
def test_pad_with_minus_infinity(dtype: Any) -> None:
    y = np.zeros(4, dtype)
    run("pad", x=np.ones(2, dtype), y=y, pads=[1, 1], value=-np.inf)
    np.testing.assert_array_equal(y, np.array([-np.inf, 1, 1, -np.inf], dtype))


@pytest.mark.parametrize(
    ("kind", "name", "arguments"),
    [
        ("shape", "copy", {"x": np.zeros(3), "y": np.zeros(4)}),
        ("shape", "pad", {"x": np.zeros(3), "y": np.zeros(4), "pads": [1, 1]}),
        ("shape", "pad", {"x": np.zeros(0), "y": np.zeros(2), "pads": [1, 1], "mode": "edge"}),
        ("attribute", "pad", {"x": np.zeros(3), "y": np.zeros(5), "pads": [1, 1], "mode": "mirror"}),
        ("dtype", "where", {"condition": np.zeros(3), "a": np.zeros(3), "b": np.zeros(3), "y": np.zeros(3)}),
    ],
)
def test_refusals(kind: str, name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(_core.CoreError) as caught:
        run(name, **arguments)
    assert caught.value.kind == kind
