"""What the tests of all rooms that compute convolutions share.

`arguments` are those of run_kernel (cpp/bindings/convolution_arguments.h). A row's family tells its layout: x, residual
and out are NHWC, or NCHW in the PLANAR families.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start
from kernel_rows import EPS, F32, Array, Row, assert_within

Arguments = dict[str, Any]
Tolerance = Callable[[Row, Arguments, Array], Array]

PLANAR = ("planar", "sparse")
OPERANDS = ("x", "w", "bias", "residual")
RANGES = ((0, 1), (1, 1), (1, 4), (4, 7))  # of seven rows

each_activation = pytest.mark.parametrize(
    ("activation", "alpha", "beta"),
    [("none", 0, 0), ("clamp", 0, 6), ("hard_swish", 0, 0), ("silu", 0, 0), ("leaky_relu", 0.1, 0)],
)


def input_size(
    window: Arguments, output_size: tuple[int, int], pads: tuple[int, int], cut: tuple[int, int]
) -> tuple[int, int]:
    """Height and width that give output_size with `pads` before the input and `cut` missing after it; at least 1."""
    sizes = zip(output_size, window["strides"], window["kernel"], window["dilations"], pads, cut, strict=True)
    height, width = ((out - 1) * s + (k - 1) * d + 1 - before - after for out, s, k, d, before, after in sizes)
    return max(height, 1), max(width, 1)


def output_shape(family: str, arguments: Arguments) -> tuple[int, ...]:
    batch, outputs = len(arguments["x"]), len(arguments["w"])
    if family in PLANAR:
        return (batch, outputs, *arguments["output_size"])
    return (batch, *arguments["output_size"], outputs)


def depthwise_problem(
    family: str, rng: np.random.Generator, window: Arguments, output_size: tuple[int, int], channels: int,
    multiplier: int = 1, batch: int = 1, pads: tuple[int, int] = (1, 1), cut: tuple[int, int] = (1, 1),
) -> Arguments:  # fmt: skip
    """A depthwise layer over an input of input_size(window, output_size, pads, cut)."""
    height, width = input_size(window, output_size, pads, cut)
    shape = (batch, channels, height, width) if family in PLANAR else (batch, height, width, channels)
    return {
        "x": guarded(rng.standard_normal(shape).astype(F32)),
        "w": rng.standard_normal((channels * multiplier, int(np.prod(window["kernel"])))).astype(F32),
        "pads": pads, "output_size": output_size, **window,
    }  # fmt: skip


@st.composite
def depthwise_layers(draw: st.DrawFn, family: str, most_kernel: int = 5, most_step: int = 3) -> Arguments:
    """Any depthwise layer of a window up to most_kernel, and of strides and dilations up to most_step."""
    most = {"kernel": most_kernel, "strides": most_step, "dilations": most_step}
    window = {name: (draw(st.integers(1, high)), draw(st.integers(1, high))) for name, high in most.items()}
    pads, cut = ((draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in range(2))
    size = (draw(st.integers(1, 5)), draw(st.integers(1, 17)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    channels, multiplier, batch = (draw(st.integers(1, high)) for high in (20, 4, 2))
    return depthwise_problem(family, rng, window, size, channels, multiplier, batch, pads, cut)


def naive(family: str, arguments: Arguments) -> Array:
    """The definition in float64, tap by tap, in the family's layout; w is OIHW."""
    x, w = arguments["x"].astype(float), arguments["w"].astype(float)
    if family in PLANAR:
        x = x.transpose(0, 2, 3, 1)
    (top, left), (height, width) = arguments["pads"], arguments["output_size"]
    (down, across), (dy, dx) = (arguments.get(name, (1, 1)) for name in ("strides", "dilations"))
    groups = arguments.get("groups", 1)
    x, w = x.reshape(*x.shape[:3], groups, -1), w.reshape(groups, -1, *w.shape[1:])
    y = np.zeros((len(x), height, width, groups, w.shape[1]))
    for oy, ox, i, j, g in np.ndindex(height, width, *w.shape[3:], groups):
        row, column = oy * down - top + i * dy, ox * across - left + j * dx
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            y[:, oy, ox, g] += x[:, row, column, g] @ w[g, :, :, i, j].T
    y = y.reshape(*y.shape[:3], -1)
    return y.transpose(0, 3, 1, 2) if family in PLANAR else y


def sum_tolerance(row: Row, arguments: Arguments, expected: Array) -> Array:
    """A rounding for each product and a few of the epilogue, of the sum of |x||w| + |bias| + |residual|; an
    activation's slope is at most 1.2.
    """
    plain = {name: value for name, value in arguments.items() if not name.startswith("activation")}
    sizes = {name: np.abs(value) for name, value in plain.items() if name in OPERANDS}
    total = _core.run_reference(row["family"], **(plain | sizes))
    return np.asarray(1.2 * (arguments["w"][0].size + 3) * EPS * total + 8 * EPS)


def check(row: Row, arguments: Arguments, tolerance: Tolerance = sum_tolerance, **extra: Any) -> Array:
    """The row's result, within `tolerance(row, arguments, expected)` of the float64 reference's."""
    expected = _core.run_reference(row["family"], **arguments)
    out = np.asarray(_core.run_kernel(row["name"], **arguments, **extra))
    assert_within(out, expected, tolerance(row, arguments, expected))
    return out


def epilogues(
    row: Row, rng: np.random.Generator, arguments: Arguments, activation: str, alpha: float, beta: float
) -> Iterator[Arguments]:
    """`arguments` with the activation, and all four choices of a bias and a residual."""
    arguments = arguments | {"activation": activation, "activation_alpha": alpha, "activation_beta": beta}
    shape = output_shape(row["family"], arguments)
    bias = {"bias": guarded(rng.standard_normal(len(arguments["w"])).astype(F32))}
    residual = {"residual": guarded(rng.standard_normal(shape).astype(F32))}
    yield arguments
    yield arguments | bias
    yield arguments | residual
    yield arguments | bias | residual


def assert_ranges_change_no_bit(row: Row, arguments: Arguments, ranges: Iterable[tuple[int, int]] = RANGES) -> None:
    """Ranges of rows computed alone give the bits of the whole, and nothing is written behind a range."""
    whole = _core.run_kernel(row["name"], **arguments)
    parts = np.full_like(whole, np.nan)
    axis = 2 if row["family"] in PLANAR else 1
    for begin, end in ranges:
        _core.run_kernel(row["name"], **arguments, rows=(begin, end), out=parts)
        assert np.all(np.isnan(np.moveaxis(parts, axis, 0)[end:]))
    assert np.array_equal(whole, parts)


def assert_neighbours_untouched(row: Row, arguments: Arguments, tolerance: Tolerance = sum_tolerance) -> None:
    """x, residual and out as slices, along each axis, of arrays full of NaN between pages that cannot be accessed."""
    ones = np.ones(output_shape(row["family"], arguments), F32)
    expected = check(row, arguments | {"residual": ones}, tolerance)
    for place in (guarded, guarded_start):
        for margin in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 2, 3)):
            cut = (slice(None), *(slice(m, -m or None) for m in margin))

            def among_nan(array: Array, place: Any = place, margin: Any = margin) -> Array:
                wide = np.full(np.add(array.shape, (0, *np.multiply(margin, 2))), np.nan, F32)
                wide[(slice(None), *(slice(m, -m or None) for m in margin))] = array
                return np.asarray(place(wide))

            out = among_nan(np.full(ones.shape, np.nan, F32))
            views = {"x": among_nan(arguments["x"])[cut], "residual": among_nan(ones)[cut]}
            _core.run_kernel(row["name"], **(arguments | views), out=out[cut])
            assert np.array_equal(out[cut], expected)
            assert np.count_nonzero(np.isfinite(out)) == expected.size


def assert_refused(row: Row, arguments: Arguments, kind: str, *changes: Arguments) -> None:
    """Each of the changes to the arguments raises an error of this kind."""
    for change in changes:
        with pytest.raises(_core.CoreError) as error:
            _core.run_kernel(row["name"], **(arguments | change))
        assert error.value.kind == kind
