"""Element-wise functions of one operand: every row against float64 within bounds, over float32's whole range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start
from kernel_rows import EPS, F32, Array, Row, assert_within, edge_sizes, every_binade, rows_of, ulp
from strided_views import output, view

pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")

# alpha and beta, exact in float32.
PARAMETERS: dict[str, tuple[float, float]] = {
    "clamp": (-0.5, 6.0),
    "leaky_relu": (0.125, 0.0),
    "thresholded_relu": (0.75, 0.0),
    "elu": (0.5, 0.0),
    "selu": (1.625, 1.0625),
    "celu": (0.75, 0.0),
    "hard_sigmoid": (0.25, 0.5),
    "silu": (1.0, 0.0),
}

# In ulps of the exact result. 0.5: correctly rounded. expm1 is within 3 (simd/math.inl); elu and selu add a product
# each, celu a quotient in the argument (whose relative error expm1 does not amplify below 0) and a product; softsign
# rounds twice, each by half an ulp, the second time of a result up to twice as fine.
ULPS: dict[str, float] = {
    **dict.fromkeys(("relu", "clamp", "leaky_relu", "thresholded_relu", "sqrt", "reciprocal", "abs", "neg"), 0.5),
    **dict.fromkeys(("sign", "floor", "ceil", "round"), 0.5),
    "elu": 4, "selu": 5, "celu": 6, "sigmoid": 3, "tanh": 4, "softplus": 4, "erf": 3, "exp": 2, "log": 2,
    "softsign": 2,
}  # fmt: skip


def _silu(x: Array, y: Array) -> Array:
    """sigmoid within 3 ulp, and a product. A denormal sigmoid is coarser: 2^-149 of it, times x."""
    return 5 * ulp(y) + 2.0**-147 * np.abs(x)


def _mish(x: Array, y: Array) -> Array:
    """exp within 2 ulp and six roundings, none of which cancels; a denormal exp as in silu."""
    return 9 * ulp(y) + 2.0**-147 * np.abs(x)


def _gelu(x: Array, y: Array) -> Array:
    return np.asarray(2.0**-22 * np.abs(x))


def _gelu_tanh(x: Array, y: Array) -> Array:
    """sigmoid(u) turns a relative error d of u into |u| d; u has five roundings and a rounded constant."""
    u = np.clip(1.6 * (x + 0.044715 * x**3), -110, 110)
    return np.asarray(5 * ulp(y) + 3.5 * EPS * np.abs(u * y) + 2.0**-147 * np.abs(x))


def _hard_sigmoid(x: Array, y: Array) -> Array:
    """Where it is not clamped |alpha x| <= 1 + |beta|: a product and a sum, whose rounding is absolute."""
    return np.full(x.shape, 2 * EPS)


def _hard_swish(x: Array, y: Array) -> Array:
    """x / 6 + 1/2 to 2 eps, times |x| <= 3 where it is not clamped."""
    return np.asarray(ulp(y) + 2 * EPS * np.minimum(np.abs(x), 3))


BOUNDS: dict[str, Callable[[Array, Array], Array]] = {
    "silu": _silu,
    "mish": _mish,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
}


def run(row: Row, x: Array, y: Array | None = None) -> Array:
    alpha, beta = PARAMETERS.get(row["function"], (0.0, 0.0))
    out = np.full(x.shape, np.nan, F32) if y is None else y
    _core.run_kernel(row["name"], x=x, y=out, alpha=alpha, beta=beta)
    return out


def exact(row: Row, x: Array) -> Array:
    alpha, beta = PARAMETERS.get(row["function"], (0.0, 0.0))
    function = row["function"]
    y = _core.run_reference("eltwise", form="unary", function=function, x=x.astype(np.float64), alpha=alpha, beta=beta)
    return np.asarray(y)


@rows_of("eltwise", form="unary")
def test_bounds_over_the_whole_range(row: Row) -> None:
    x = np.concatenate([every_binade(), np.linspace(-12, 12, 20001, dtype=F32)])
    y = exact(row, x)
    with np.errstate(all="ignore"):
        finite = np.where(np.isfinite(x), x, 0).astype(np.float64)
        bound = BOUNDS.get(row["function"])
        tolerance = bound(finite, y) if bound else ULPS[row["function"]] * ulp(y)
    assert_within(run(row, x), y, tolerance)


@rows_of("eltwise", form="unary")
def test_tails_are_computed_as_whole_vectors_and_nothing_outside_is_touched(row: Row) -> None:
    x = np.random.default_rng(0).standard_normal(max(edge_sizes(row)) * 2).astype(F32) + F32(0.1)
    whole = run(row, x)
    for n in edge_sizes(row):
        for guard in (guarded, guarded_start):
            y = run(row, guard(x[:n]), guard(np.zeros(n, F32)))
            np.testing.assert_array_equal(y.view(np.uint32), whole[:n].view(np.uint32))


@rows_of("eltwise", form="unary", function="tanh")
@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=st.lists(st.sampled_from([0, 1, 2, 3, 5, 17, 40]), max_size=4).map(tuple))
def test_any_strides(row: Row, data: st.DataObject, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(F32)
    out = output(data, shape, F32)
    run(row, view(data, x), out.view)
    np.testing.assert_array_equal(out.result(), run(row, x))


@rows_of("eltwise", form="unary")
def test_in_place_and_between_neighbours(row: Row) -> None:
    """A channel slice: what lies between its pixels (NaN here) neither changes nor matters."""
    x = np.random.default_rng(2).standard_normal((5000, 3)).astype(F32)
    wide = np.full((5000, 7), np.nan, F32)
    wide[:, 2:5] = x
    run(row, wide[:, 2:5], wide[:, 2:5])
    np.testing.assert_array_equal(wide[:, 2:5], run(row, x))
    assert np.isnan(wide[:, [0, 1, 5, 6]]).all()


@rows_of("eltwise", form="unary", function="silu")
def test_silu_scales_its_argument(row: Row) -> None:
    x = np.linspace(-8, 8, 999, dtype=F32)
    y = np.empty_like(x)
    for alpha in (0.0, 1.75):  # 0 stands for 1
        _core.run_kernel(row["name"], x=x, y=y, alpha=alpha)
        wide = x.astype(np.float64)
        expected = wide / (1 + np.exp(-(alpha or 1.0) * wide))
        assert_within(y, expected, 5 * ulp(expected) + EPS * np.abs(alpha * wide * expected))


@pytest.mark.parametrize("case", ["shape", "dtype", "overlap"])
def test_refusals(case: str) -> None:
    x: Any = np.zeros((2, 3), F32)
    y: Any = np.zeros((2, 4) if case == "shape" else (2, 3), F32)
    if case == "dtype":
        x = x.astype(np.float64)
    if case == "overlap":
        y = np.lib.stride_tricks.as_strided(y, (2, 3), (0, 4))
    with pytest.raises(_core.CoreError, match={"shape": "shape", "dtype": "float64", "overlap": "overlap"}[case]):
        _core.run_kernel("unary_f32_relu__scalar", x=x, y=y)
