"""The im2col room: the lowered matrix, and the offsets that stand for it, against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start

Array = npt.NDArray[Any]
F32 = np.float32
ROWS = [row for row in _core.kernels() if row["family"] == "im2col"]
PAD_ROW = -(2**31)


@pytest.fixture(params=ROWS, ids=lambda row: row["name"])
def name(request: pytest.FixtureRequest) -> str:
    if not request.param["usable"]:
        pytest.skip(f"this CPU cannot run tier {request.param['tier']}")
    return str(request.param["name"])


def output_size(size: int, kernel: int, stride: int, dilation: int, pads: int) -> int:
    return max((size + pads - dilation * (kernel - 1) - 1) // stride + 1, 0)


@st.composite
def lowerings(draw: st.DrawFn) -> dict[str, Any]:
    """Any window over an image that may be a slice of wider pixels, rows and a longer batch."""
    kernel, strides, dilations, pads, ends = (
        tuple(draw(st.integers(low, high)) for _ in range(2)) for low, high in ((1, 4), (1, 3), (1, 3), (0, 3), (0, 3))
    )
    batch, height, width, channels = (draw(st.integers(1, high)) for high in (2, 7, 9, 19))
    wide = draw(st.integers(0, 3))
    image = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((batch, height, width, channels + wide))
    begin = draw(st.integers(0, wide))
    x = guarded(image.astype(F32))[..., begin : begin + channels]
    axes = zip((height, width), kernel, strides, dilations, np.add(pads, ends), strict=True)
    sizes = [output_size(*axis) for axis in axes]
    return {
        "x": x, "kernel": kernel, "strides": strides, "dilations": dilations, "pads": pads, "output_size": sizes,
        "pad_value": draw(st.sampled_from((0.0, -1.5))),
    }  # fmt: skip


def check_rows(arguments: dict[str, Any]) -> None:
    expected = _core.run_reference("im2col", **arguments)
    begin, end = len(expected) // 3, len(expected)
    for row in ROWS:
        if row["usable"]:
            assert np.array_equal(_core.run_kernel(row["name"], **arguments), expected), row["name"]
            part = _core.run_kernel(row["name"], **arguments, rows=(begin, end))
            assert np.array_equal(part, expected[begin:end]), row["name"]


@settings(max_examples=150, deadline=None)
@given(lowerings())
def test_any_window(arguments: dict[str, Any]) -> None:
    check_rows(arguments)


@settings(max_examples=150, deadline=None)
@given(lowerings())
def test_offsets_stand_for_the_lowered_matrix(arguments: dict[str, Any]) -> None:
    offsets = _core.im2col_offsets(**arguments)
    x = arguments["x"]
    expected = _core.run_reference("im2col", **arguments)
    taps, channels = len(offsets), x.shape[3]
    pixels = {n: x[n] for n in np.ndindex(x.shape[:3])}
    place = {int(np.dot(n, x.strides[:3])): values for n, values in pixels.items()}
    place[PAD_ROW] = np.full(channels, arguments["pad_value"], F32)
    for p, row in enumerate(expected.reshape(-1, taps, channels)):
        for t in range(taps):
            assert np.array_equal(place[int(offsets[t, p])], row[t])


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 8, 15, 16, 17, 33])
def test_channels(name: str, channels: int) -> None:
    """Dense pixels (whole runs) and sliced ones give the same; neighbours are NaN or not there at all."""
    wide = np.full((2, 6, 7, channels + 2), np.nan, F32)
    wide[..., 1:-1] = np.random.default_rng(1).standard_normal((2, 6, 7, channels))
    dense = np.ascontiguousarray(wide[..., 1:-1])
    window: dict[str, Any] = {"kernel": (3, 3), "strides": (1, 2), "pads": (1, 1), "output_size": (6, 4)}
    expected = _core.run_reference("im2col", x=dense, **window)
    assert np.all(np.isfinite(expected))
    for place in (guarded, guarded_start):
        for x in (place(dense), place(wide)[..., 1:-1]):
            out = place(np.full(expected.shape, np.nan, F32))
            assert np.array_equal(_core.run_kernel(name, x=x, out=out, **window), expected)


def test_gaps_between_rows_of_the_matrix_stay(name: str) -> None:
    x = np.ones((1, 3, 3, 2), F32)
    out = np.full((9, 25), np.nan, F32)
    _core.run_kernel(name, x=x, kernel=(3, 3), pads=(1, 1), output_size=(3, 3), out=out[:, 3:21])
    assert np.all(np.isfinite(out[:, 3:21]))
    assert np.all(np.isnan(out[:, :3]))
    assert np.all(np.isnan(out[:, 21:]))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"x": np.ones((3, 3, 2), F32)}, "shape"),
        ({"x": np.ones((1, 3, 3, 2))}, "dtype"),
        ({"x": np.ones((1, 2, 3, 3), F32).transpose(0, 2, 3, 1)}, "shape"),
        ({"kernel": (0, 1)}, "attribute"),
        ({"rows": (0, 10)}, "value"),
        ({"out": np.ones((9, 17), F32)}, "shape"),
    ],
)
def test_bad_arguments(change: dict[str, Any], kind: str) -> None:
    arguments: dict[str, Any] = {"x": np.ones((1, 3, 3, 2), F32), "kernel": (3, 3), "pads": (1, 1)}
    arguments |= {"output_size": (3, 3)} | change
    with pytest.raises(_core.CoreError) as error:
        _core.run_kernel(next(row["name"] for row in ROWS if row["usable"]), **arguments)
    assert error.value.kind == kind
