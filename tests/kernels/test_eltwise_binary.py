"""Element-wise functions of two operands: every row, form of broadcasting and stride, against float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start
from kernel_rows import EPS, F32, Array, Row, assert_within, edge_sizes, every_binade, rows_of, ulp
from strided_views import broadcast, output

pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|overflow|divide by zero) encountered:RuntimeWarning")

# pow: the C library's, below an ulp; a cube rounds twice. All others round once, so they are exact after rounding
# float64's result (53 >= 2 * 24 + 2 bits: rounding twice is rounding once).
ULPS = {"pow": 2.0}


def run(row: Row, a: Array, b: Array, y: Array | None = None, **activation: Any) -> Array:
    out = np.full(np.broadcast_shapes(a.shape, b.shape), np.nan, F32) if y is None else y
    a, b = np.broadcast_to(a, out.shape), np.broadcast_to(b, out.shape)
    _core.run_kernel(row["name"], a=a, b=b, y=out, **activation)
    return out


def exact(row: Row, a: Array, b: Array, **activation: Any) -> Array:
    shape = np.broadcast_shapes(a.shape, b.shape)
    a, b = (np.broadcast_to(v, shape).astype(np.float64) for v in (a, b))
    return np.asarray(_core.run_reference("eltwise", form="binary", function=row["function"], a=a, b=b, **activation))


def check(row: Row, a: Array, b: Array, y: Array) -> None:
    expected = np.broadcast_to(exact(row, a, b), y.shape)
    assert_within(y, expected, ULPS.get(row["function"], 0.5) * ulp(expected))


@rows_of("eltwise", form="binary")
def test_the_whole_range(row: Row) -> None:
    """Operands of every binade in random pairs; NaN from either side comes through."""
    a = every_binade()
    b = np.random.default_rng(0).permutation(a)
    a[:4], b[:4] = [np.nan, 1, np.nan, np.inf], [1, np.nan, np.nan, -np.inf]
    check(row, a, b, run(row, a, b))


@rows_of("eltwise", form="binary")
@pytest.mark.parametrize("form", ["vectors", "scalar_a", "scalar_b", "scalars"])
def test_forms_at_the_edges_of_vectors(row: Row, form: str) -> None:
    rng = np.random.default_rng(1)
    for n in edge_sizes(row):
        a = rng.uniform(0.5, 2, 1 if form in ("scalar_a", "scalars") else n).astype(F32)
        b = rng.uniform(-2, 2, 1 if form in ("scalar_b", "scalars") else n).astype(F32)
        for guard in (guarded, guarded_start):
            y = guard(np.zeros(n, F32))
            run(row, guard(a), guard(b), y)
            check(row, a, b, y)


@rows_of("eltwise", form="binary", function="pow")
def test_pow_by_common_exponents(row: Row) -> None:
    a = every_binade(999983)
    for exponent in (2, 3, -1, 0.5, 0, 1, -2):
        b = np.array([exponent], F32)
        check(row, a, b, run(row, a, b))


@rows_of("eltwise", form="binary")
@pytest.mark.parametrize("channels", [1, 2, 3, 5, 16, 37, 64, 100])
def test_channels_over_pixels(row: Row, channels: int) -> None:
    """(N, C, 1, 1) with (N, C, H, W) in NHWC, either way round, whatever the number of channels."""
    rng = np.random.default_rng(2)
    pixels = rng.uniform(0.5, 2, (2, 19, 23, channels)).astype(F32).transpose(0, 3, 1, 2)
    factors = rng.uniform(-2, 2, (2, channels, 1, 1)).astype(F32)
    nhwc = np.zeros((2, 19, 23, channels), F32).transpose(0, 3, 1, 2)
    check(row, pixels, factors, run(row, pixels, factors, nhwc))
    check(row, np.abs(factors), pixels, run(row, np.abs(factors), pixels, nhwc))


@rows_of("eltwise", form="binary", function="sub")
@settings(max_examples=100, deadline=None)
@given(data=st.data(), shape=st.lists(st.sampled_from([0, 1, 2, 3, 5, 17, 40]), max_size=4).map(tuple))
def test_any_strides(row: Row, data: st.DataObject, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    a = broadcast(data, rng.standard_normal(shape).astype(F32))
    b = broadcast(data, rng.standard_normal(shape).astype(F32))
    out = output(data, shape, F32)
    run(row, a, b, out.view)
    np.testing.assert_array_equal(out.result(), a - b)


@rows_of("eltwise", form="binary", function="mul")
def test_long_rows_are_cut_into_tasks(row: Row) -> None:
    """Beyond 4096 elements: contiguous, single and gathered operands, each in place of the first."""
    rng = np.random.default_rng(4)
    a = rng.standard_normal((3, 9001)).astype(F32)
    for b in (rng.standard_normal((3, 9001)), rng.standard_normal((3, 1)), rng.standard_normal((9001, 3)).T):
        expected = a * b.astype(F32)
        y = a.copy()
        np.testing.assert_array_equal(run(row, y, b.astype(F32), y), expected)


@rows_of("eltwise", form="binary", function="add")
@pytest.mark.parametrize(
    ("activation", "alpha", "beta"),
    [
        ("clamp", 0.0, np.inf),
        ("clamp", -0.5, 1.5),
        ("leaky_relu", 0.125, 0),
        ("sigmoid", 0, 0),
        ("hard_sigmoid", 0.25, 0.5),
        ("hard_swish", 0, 0),
        ("silu", 0, 0),
        ("tanh", 0, 0),
        ("elu", 0.5, 0),
        ("gelu", 0, 0),
    ],
)
def test_fused_activation(row: Row, activation: str, alpha: float, beta: float) -> None:
    """The sum rounds once (its slope through the activation is at most 1.13), the activation by a few ulp."""
    rng = np.random.default_rng(5)
    arguments = {"activation": activation, "activation_alpha": alpha, "activation_beta": beta}
    a = rng.standard_normal((6, 7, 130)).astype(F32) * 3
    a[0, 0, :3] = np.nan, np.inf, -1e30
    b = np.zeros((130, 1), F32) + rng.standard_normal((130, 1)).astype(F32)
    for other in (b[:, 0], b.repeat(2, 1)[:, 1], b[:1, 0]):
        expected = exact(row, a, other, **arguments)
        size = np.abs(np.nan_to_num(a.astype(np.float64), posinf=0)) + np.abs(other)
        assert_within(run(row, a, other, **arguments), expected, 1.13 * EPS * size + 8 * EPS * (1 + size))


@pytest.mark.parametrize("case", ["shape", "dtype"])
def test_refusals(case: str) -> None:
    a: Any = np.zeros((2, 3), np.float64 if case == "dtype" else F32)
    b: Any = np.zeros((2, 4) if case == "shape" else (2, 3), F32)
    with pytest.raises(_core.CoreError, match={"shape": "shape", "dtype": "float64"}[case]):
        _core.run_kernel("binary_f32_add__scalar", a=a, b=b, y=np.zeros((2, 3), F32))
