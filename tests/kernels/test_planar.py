"""The planar room: every row against the float64 reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start

Array = npt.NDArray[Any]
F32 = np.float32
EPS = float(np.finfo(F32).eps)
ROWS = [row for row in _core.kernels() if row["family"] == "planar"]
TILE = 14  # a width that is no multiple of any vector


@pytest.fixture(params=ROWS, ids=lambda row: row["name"])
def row(request: pytest.FixtureRequest) -> dict[str, Any]:
    if not request.param["usable"]:
        pytest.skip(f"this CPU cannot run tier {request.param['tier']}")
    return dict(request.param)


def window_of(row: dict[str, Any]) -> dict[str, Any]:
    """A window that the row takes: its own, or an uneven one for the generic row."""
    if row["kernel"] == 0:
        return {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 2)}
    return {"kernel": (row["kernel"],) * 2, "strides": (row["stride"],) * 2, "dilations": (1, 1)}


def problem(
    rng: np.random.Generator, window: dict[str, Any], output_size: tuple[int, int], channels: int, multiplier: int = 1,
    batch: int = 1, pads: tuple[int, int] = (1, 1), cut: tuple[int, int] = (1, 1),
) -> dict[str, Any]:  # fmt: skip
    """An input of the size that gives output_size with `pads` before it and `cut` missing after it."""
    reach = [
        (out - 1) * stride + (kernel - 1) * dilation + 1 - before - after
        for out, stride, kernel, dilation, before, after in zip(
            output_size, window["strides"], window["kernel"], window["dilations"], pads, cut, strict=True
        )
    ]
    height, width = (max(size, 1) for size in reach)
    taps = int(np.prod(window["kernel"]))
    return {
        "x": guarded(rng.standard_normal((batch, channels, height, width)).astype(F32)),
        "w": rng.standard_normal((channels * multiplier, taps)).astype(F32),
        "pads": pads, "output_size": output_size, **window,
    }  # fmt: skip


def tolerance(arguments: dict[str, Any]) -> Array:
    """A rounding for each tap and a few of the epilogue, of the sum of |x||w| + |bias| + |residual|."""
    sizes = {name: np.abs(arguments[name]) for name in ("x", "w", "bias", "residual") if name in arguments}
    plain = {name: arguments[name] for name in ("kernel", "strides", "dilations", "pads", "output_size")}
    total = _core.run_reference("planar", **plain, **sizes)
    return np.asarray(1.2 * (arguments["w"].shape[1] + 3) * EPS * total + 8 * EPS)


def check(name: str, arguments: dict[str, Any], **extra: Any) -> Array:
    expected = _core.run_reference("planar", **arguments)
    out = _core.run_kernel(name, **arguments, **extra)
    error = np.abs(out - expected)
    assert np.all(error <= tolerance(arguments)), f"{error.max()}"
    return np.asarray(out)


def test_widths_around_the_tile(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    for width in (1, 2, 6, 7, 8, TILE - 1, TILE, TILE + 1, 2 * TILE, 3 * TILE + 2):
        for pads, cut in (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (2, 0))):
            check(row["name"], problem(rng, window_of(row), (3, width), 5, pads=pads, cut=cut))


def test_rows_around_the_strip(row: dict[str, Any]) -> None:
    """Rows of tiles, and more of them than are staged at once."""
    rng = np.random.default_rng(2)
    for height in (1, 2, 3, 4, 5, 7, 9, 70):
        check(row["name"], problem(rng, window_of(row), (height, TILE + 1), 3))
    check(row["name"], problem(rng, window_of(row), (30, 400), 2))


def test_windows_wider_than_the_image(row: dict[str, Any]) -> None:
    """Images of one pixel, and outputs that see padding alone."""
    rng = np.random.default_rng(3)
    for pads in ((0, 0), (2, 2), (3, 1)):
        arguments = problem(rng, window_of(row), (2, 2), 6, pads=pads)
        arguments["x"] = guarded(rng.standard_normal((1, 6, 1, 1)).astype(F32))
        check(row["name"], arguments | {"output_size": (5, 9)})


@pytest.mark.parametrize(
    ("activation", "alpha", "beta"),
    [("none", 0, 0), ("clamp", 0, 6), ("hard_swish", 0, 0), ("silu", 0, 0), ("leaky_relu", 0.1, 0)],
)
def test_epilogue(row: dict[str, Any], activation: str, alpha: float, beta: float) -> None:
    rng = np.random.default_rng(4)
    for use_bias in (False, True):
        for use_residual in (False, True):
            arguments = problem(rng, window_of(row), (2, TILE + 2), 19, batch=2)
            arguments |= {"activation": activation, "activation_alpha": alpha, "activation_beta": beta}
            if use_bias:
                arguments["bias"] = guarded(rng.standard_normal(19).astype(F32))
            if use_residual:
                arguments["residual"] = guarded(rng.standard_normal((2, 19, 2, TILE + 2)).astype(F32))
            check(row["name"], arguments)


def test_ranges_of_rows_change_no_bit(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    arguments = problem(rng, window_of(row), (7, 2 * TILE + 3), 21, batch=2) | {"activation": "silu"}
    whole = _core.run_kernel(row["name"], **arguments)
    parts = np.full_like(whole, np.nan)
    for begin, end in ((0, 1), (1, 1), (1, 4), (4, 7)):
        _core.run_kernel(row["name"], **arguments, rows=(begin, end), out=parts)
        assert np.all(np.isnan(parts[:, :, end:]))
    assert np.array_equal(whole, parts)


def test_neighbours_are_neither_read_nor_written(row: dict[str, Any]) -> None:
    """x, residual and out are slices of channels, rows and columns of arrays full of NaN."""
    rng = np.random.default_rng(6)
    channels, size = 18, (3, 2 * TILE + 1)
    arguments = problem(rng, window_of(row), size, channels)
    expected = check(row["name"], arguments | {"residual": np.ones((1, channels, *size), F32)})
    for place in (guarded, guarded_start):
        for margin in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3)):
            cut = (slice(None), *(slice(m, -m or None) for m in margin))

            def inside(array: Array, cut: Any = cut, place: Any = place, margin: Any = margin) -> Array:
                wide = np.full(np.add(array.shape, (0, *np.multiply(margin, 2))), np.nan, F32)
                wide[cut] = array
                return np.asarray(place(wide)[cut])

            views = {"x": inside(arguments["x"]), "residual": inside(np.ones((1, channels, *size), F32))}
            out = inside(np.full((1, channels, *size), np.nan, F32))
            _core.run_kernel(row["name"], **(arguments | views), out=out)
            assert np.array_equal(out, expected)
            if margin == (1, 2, 3):
                assert np.count_nonzero(np.isfinite(out.base if out.base is not None else out)) == expected.size


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    window = {
        name: tuple(draw(st.integers(1, high)) for _ in range(2))
        for name, high in (("kernel", 5), ("strides", 3), ("dilations", 3))
    }
    pads, cut = (tuple(draw(st.integers(0, 3)) for _ in range(2)) for _ in range(2))
    size = (draw(st.integers(1, 5)), draw(st.integers(1, 17)))
    arguments = problem(
        np.random.default_rng(draw(st.integers(0, 99))), window, size, draw(st.integers(1, 20)),
        draw(st.integers(1, 4)), draw(st.integers(1, 2)), pads, cut,
    )  # fmt: skip
    return window, arguments


@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_any_convolution(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The generic row takes whatever comes."""
    for row in ROWS:
        if row["usable"] and row["kernel"] == 0:
            check(row["name"], drawn[1])


@settings(max_examples=150, deadline=None)
@given(convolutions(), st.sampled_from([row for row in ROWS if row["usable"] and row["kernel"] != 0]))
def test_any_border(drawn: tuple[dict[str, Any], dict[str, Any]], row: dict[str, Any]) -> None:
    """The rows made for one window, with any padding."""
    arguments = drawn[1]
    channels = arguments["x"].shape[1]
    window = window_of(row)
    assume(channels > 0)
    w = np.random.default_rng(7).standard_normal((channels, int(np.prod(window["kernel"])))).astype(F32)
    check(row["name"], arguments | window | {"w": w})


def test_every_row_refuses_other_windows(row: dict[str, Any]) -> None:
    if row["kernel"] == 0:
        pytest.skip("the generic row takes any window")
    arguments = problem(np.random.default_rng(8), {"kernel": (2, 3), "strides": (1, 1), "dilations": (1, 1)}, (3, 3), 4)
    with pytest.raises(_core.CoreError) as error:
        _core.run_kernel(row["name"], **arguments)
    assert error.value.kind == "unsupported"


def test_bad_arguments() -> None:
    arguments = problem(np.random.default_rng(9), {"kernel": (3, 3), "strides": (1, 1), "dilations": (1, 1)}, (3, 3), 4)
    name = next(row["name"] for row in ROWS if row["usable"])
    for change in ({"w": arguments["w"][:3]}, {"bias": np.zeros(3, F32)}, {"residual": np.zeros((1, 4, 3, 2), F32)}):
        with pytest.raises(_core.CoreError) as error:
            _core.run_kernel(name, **(arguments | change))
        assert error.value.kind == "shape"
