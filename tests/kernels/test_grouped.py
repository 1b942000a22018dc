"""The grouped room: every row against the float64 reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start
from kernel_rows import rows_of

Array = npt.NDArray[Any]
Row = dict[str, Any]
F32 = np.float32
EPS = float(np.finfo(F32).eps)
TILE = 14  # output pixels at once (7 where there are 16 registers)
USABLE = [row for row in _core.kernels() if row["family"] == "grouped" and row["usable"]]
each_row = rows_of("grouped")


def window_of(row: Row) -> dict[str, Any]:
    """A window that the row takes: its own, or an uneven one."""
    if row["kernel"] == (0, 0):
        return {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 2)}
    return {"kernel": row["kernel"], "strides": (row["stride"],) * 2, "dilations": (1, 1)}


def group_sizes(row: Row) -> list[tuple[int, int]]:
    """Inputs and outputs of a group, around what the row's vectors hold."""
    if row["permutes"]:
        half = row["lanes"] // 2
        return [(1, 1), (half, half), (half, 1), (1, half), (half - 1 or 1, half)]
    return [(1, 1), (3, row["lanes"]), (4, row["lanes"] + 1), (2, row["lanes"] - 1), (5, 2 * row["lanes"])]


def problem(
    rng: np.random.Generator, window: dict[str, Any], output_size: tuple[int, int], groups: int, inputs: int,
    outputs: int, batch: int = 1, pads: tuple[int, int] = (1, 1), cut: tuple[int, int] = (1, 1),
) -> dict[str, Any]:  # fmt: skip
    """An input of the size that gives output_size with `pads` before it and `cut` missing after it."""
    reach = [
        (out - 1) * stride + (kernel - 1) * dilation + 1 - before - after
        for out, stride, kernel, dilation, before, after in zip(
            output_size, window["strides"], window["kernel"], window["dilations"], pads, cut, strict=True
        )
    ]
    height, width = (max(size, 1) for size in reach)
    return {
        "x": guarded(rng.standard_normal((batch, height, width, groups * inputs)).astype(F32)),
        "w": rng.standard_normal((groups * outputs, inputs, *window["kernel"])).astype(F32),
        "groups": groups, "pads": pads, "output_size": output_size, **window,
    }  # fmt: skip


def tolerance(arguments: dict[str, Any]) -> Array:
    """A rounding for each product and a few of the epilogue, of the sum of |x||w| + |bias| + |residual|."""
    sizes = {name: np.abs(arguments[name]) for name in ("x", "w", "bias", "residual") if name in arguments}
    names = ("groups", "kernel", "strides", "dilations", "pads", "output_size")
    total = _core.run_reference("grouped", **{name: arguments[name] for name in names}, **sizes)
    return np.asarray(1.2 * (arguments["w"][0].size + 3) * EPS * total + 8 * EPS)


def check(name: str, arguments: dict[str, Any], **extra: Any) -> Array:
    expected = _core.run_reference("grouped", **arguments)
    out = np.asarray(_core.run_kernel(name, **arguments, **extra))
    error = np.abs(out - expected)
    assert np.all(error <= tolerance(arguments)), f"{error.max()}"
    return out


def naive(arguments: dict[str, Any]) -> Array:
    x, w, groups = arguments["x"].astype(float), arguments["w"].astype(float), arguments["groups"]
    (top, left), (height, width) = arguments["pads"], arguments["output_size"]
    y = np.zeros((x.shape[0], height, width, groups, w.shape[0] // groups))
    split = x.reshape(*x.shape[:3], groups, -1)
    for oy, ox, i, j, g in np.ndindex(height, width, *arguments["kernel"], groups):
        row = oy * arguments["strides"][0] - top + i * arguments["dilations"][0]
        column = ox * arguments["strides"][1] - left + j * arguments["dilations"][1]
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            y[:, oy, ox, g] += split[:, row, column, g] @ np.split(w, groups)[g][:, :, i, j].T
    return y.reshape(*y.shape[:3], -1)


def test_the_reference_is_the_convolution() -> None:
    window = {"kernel": (3, 2), "strides": (2, 1), "dilations": (1, 2)}
    arguments = problem(np.random.default_rng(0), window, (3, 4), 3, 2, 5, batch=2)
    assert np.allclose(_core.run_reference("grouped", **arguments), naive(arguments), rtol=0, atol=1e-13)


@each_row
def test_widths_around_the_tile(row: Row) -> None:
    rng = np.random.default_rng(1)
    inputs, outputs = group_sizes(row)[1]
    for width in (1, 2, 6, 7, 8, TILE - 1, TILE, TILE + 1, 2 * TILE, 3 * TILE + 2):
        for pads, cut in (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (2, 0))):
            check(row["name"], problem(rng, window_of(row), (3, width), 3, inputs, outputs, 1, pads, cut))


@each_row
def test_groups_around_the_vector(row: Row) -> None:
    rng = np.random.default_rng(2)
    for inputs, outputs in group_sizes(row):
        for groups in (1, 2, 3, 4, 7):
            check(row["name"], problem(rng, window_of(row), (3, TILE + 1), groups, inputs, outputs))


@each_row
def test_windows_wider_than_the_image(row: Row) -> None:
    """Images of one pixel, and outputs that see padding alone."""
    rng = np.random.default_rng(3)
    inputs, outputs = group_sizes(row)[1]
    for pads in ((0, 0), (2, 2), (3, 1)):
        arguments = problem(rng, window_of(row), (2, 2), 3, inputs, outputs, pads=pads)
        arguments["x"] = guarded(rng.standard_normal((1, 1, 1, 3 * inputs)).astype(F32))
        check(row["name"], arguments | {"output_size": (5, 9)})


@each_row
@pytest.mark.parametrize(
    ("activation", "alpha", "beta"),
    [("none", 0, 0), ("clamp", 0, 6), ("hard_swish", 0, 0), ("silu", 0, 0), ("leaky_relu", 0.1, 0)],
)
def test_epilogue(row: Row, activation: str, alpha: float, beta: float) -> None:
    rng = np.random.default_rng(4)
    inputs, outputs = group_sizes(row)[1]
    channels, width = 5 * outputs, TILE + 2
    for use_bias in (False, True):
        for use_residual in (False, True):
            arguments = problem(rng, window_of(row), (2, width), 5, inputs, outputs, batch=2)
            arguments |= {"activation": activation, "activation_alpha": alpha, "activation_beta": beta}
            if use_bias:
                arguments["bias"] = guarded(rng.standard_normal(channels).astype(F32))
            if use_residual:
                arguments["residual"] = guarded(rng.standard_normal((2, 2, width, channels)).astype(F32))
            check(row["name"], arguments)


@each_row
def test_ranges_of_rows_change_no_bit(row: Row) -> None:
    rng = np.random.default_rng(5)
    inputs, outputs = group_sizes(row)[2]
    arguments = problem(rng, window_of(row), (7, 2 * TILE + 3), 5, inputs, outputs, batch=2) | {"activation": "silu"}
    whole = _core.run_kernel(row["name"], **arguments)
    parts = np.full_like(whole, np.nan)
    for begin, end in ((0, 1), (1, 1), (1, 4), (4, 7)):
        _core.run_kernel(row["name"], **arguments, rows=(begin, end), out=parts)
        assert np.all(np.isnan(parts[:, end:]))
    assert np.array_equal(whole, parts)


@each_row
def test_groups_do_not_mix(row: Row) -> None:
    """Infinity in one group leaves the others as they are."""
    rng = np.random.default_rng(6)
    inputs, outputs = group_sizes(row)[1]
    arguments = problem(rng, window_of(row), (3, TILE + 1), 4, inputs, outputs)
    clean = _core.run_kernel(row["name"], **arguments)
    arguments["x"][..., inputs : 2 * inputs] = np.inf
    found = _core.run_kernel(row["name"], **arguments)
    others = np.r_[0:outputs, 2 * outputs : 4 * outputs]
    assert np.array_equal(found[..., others], clean[..., others])
    assert not np.isfinite(found[..., outputs : 2 * outputs]).any()


@each_row
def test_neighbours_are_neither_read_nor_written(row: Row) -> None:
    """x, residual and out are channel slices, column slices and row slices of arrays full of NaN."""
    rng = np.random.default_rng(7)
    inputs, outputs = group_sizes(row)[2]
    shape = (1, 3, 2 * TILE + 1, 5 * outputs)
    arguments = problem(rng, window_of(row), shape[1:3], 5, inputs, outputs)
    expected = check(row["name"], arguments | {"residual": np.ones(shape, F32)})
    for place in (guarded, guarded_start):
        for margin in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3)):
            cut = (slice(None), *(slice(m, -m or None) for m in margin))

            def inside(array: Array, cut: Any = cut, place: Any = place, margin: Any = margin) -> Array:
                wide = np.full(np.add(array.shape, (0, *np.multiply(margin, 2))), np.nan, F32)
                wide[cut] = array
                return np.asarray(place(wide)[cut])

            views = {"x": inside(arguments["x"]), "residual": inside(np.ones(shape, F32))}
            out = inside(np.full(shape, np.nan, F32))
            _core.run_kernel(row["name"], **(arguments | views), out=out)
            assert np.array_equal(out, expected)
            if margin == (1, 2, 3):
                assert np.count_nonzero(np.isfinite(out.base if out.base is not None else out)) == expected.size


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    window = {
        name: tuple(draw(st.integers(1, high)) for _ in range(2))
        for name, high in (("kernel", 5), ("strides", 3), ("dilations", 3))
    }
    if draw(st.booleans()):
        window = {"kernel": (3, 3), "strides": (draw(st.integers(1, 2)),) * 2, "dilations": (1, 1)}
    pads, cut = (tuple(draw(st.integers(0, 3)) for _ in range(2)) for _ in range(2))
    size = (draw(st.integers(1, 5)), draw(st.integers(1, 17)))
    groups, inputs, outputs = (draw(st.integers(1, 9)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return problem(rng, window, size, groups, inputs, outputs, draw(st.integers(1, 2)), pads, cut)


def takes(row: Row, arguments: dict[str, Any]) -> bool:
    outputs, inputs = arguments["w"].shape[0] // arguments["groups"], arguments["w"].shape[1]
    plain = arguments["dilations"] == (1, 1) and arguments["strides"] == (row["stride"],) * 2
    fits = row["kernel"] == (0, 0) or (arguments["kernel"] == row["kernel"] and plain)
    return fits and (not row["permutes"] or 2 * max(inputs, outputs) <= row["lanes"])


@settings(max_examples=200, deadline=None)
@given(convolutions())
def test_any_convolution(arguments: dict[str, Any]) -> None:
    """Every row computes what it takes, and refuses the rest."""
    for row in USABLE:
        if takes(row, arguments):
            check(row["name"], arguments)
            continue
        with pytest.raises(_core.CoreError) as error:
            _core.run_kernel(row["name"], **arguments)
        assert error.value.kind == "unsupported"


def test_bad_arguments() -> None:
    window = {"kernel": (3, 3), "strides": (1, 1), "dilations": (1, 1)}
    arguments = problem(np.random.default_rng(9), window, (3, 3), 2, 2, 2)
    w = arguments["w"]
    for change in (
        {"w": w[:3]}, {"w": w[:, :1]}, {"w": w[..., :2]}, {"bias": np.zeros(3, F32)}, {"groups": 3}, {"groups": 0},
        {"residual": np.zeros((1, 3, 3, 3), F32)},
    ):  # fmt: skip
        with pytest.raises(_core.CoreError) as error:
            _core.run_kernel(USABLE[0]["name"], **(arguments | change))
        assert error.value.kind == "shape"
