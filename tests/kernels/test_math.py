"""The error bounds that cpp/simd/math.inl states, over the whole range of float32, on every tier."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from fastinfer import _core

# Bounds in units of the last place of the exact result. elu (alpha 1) stands for expm1, softplus for log1p.
BOUNDS = {"exp": 2, "elu": 3, "log": 2, "softplus": 4, "erf": 3, "sigmoid": 3, "tanh": 4}
ROWS = [row for row in _core.kernels() if row["family"] == "eltwise" and row["function"] in BOUNDS]


def every_binade() -> npt.NDArray[np.float32]:
    """Floats by their bits: every binade of both signs evenly, infinities and NaN; and more where curves bend."""
    bits = np.arange(0, 1 << 32, 24709, dtype=np.uint64).astype(np.uint32)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 88.72283, 88.72284, -87.34, -103.97, -103.98, 1e-45]
    near_zero = np.linspace(-12, 12, 100001, dtype=np.float32)
    return np.concatenate([bits.view(np.float32), np.array(special, np.float32), near_zero])


def errors_in_ulps(got: npt.NDArray[np.float32], exact: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """|got - exact| in units of exact's last place as a float32; infinite where only one is NaN or infinite."""
    rounded = exact.astype(np.float32)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    comparable = np.isfinite(got) & np.isfinite(rounded)
    _, exponent = np.frexp(np.where(comparable, exact, 1.0))
    ulp = np.ldexp(1.0, np.maximum(exponent - 24, -149))
    difference = np.abs(np.where(comparable, got.astype(np.float64) - exact, np.inf))
    return np.where(same & ~comparable, 0, difference / ulp)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
def test_error_bounds(row: dict) -> None:
    if not row["usable"]:
        pytest.skip(f"tier {row['tier']} is not usable here")
    x = every_binade()
    y = np.empty_like(x)
    _core.run_kernel(row["name"], x=x, y=y, alpha=1.0)
    exact = _core.run_reference("eltwise", form="unary", function=row["function"], x=x.astype(np.float64), alpha=1.0)
    errors = errors_in_ulps(y, exact)
    worst = int(np.argmax(errors))
    assert errors[worst] <= BOUNDS[row["function"]], f"f({x[worst]!r}) = {y[worst]!r}, not {exact[worst]!r}"


def test_the_reference_is_the_formula() -> None:
    """Guards the bounds above: a reference that lost precision would pass a wrong kernel."""
    x = np.array([-3.0, -1e-9, 0.3, 20.0])
    formulas = {
        "exp": math.exp,
        "erf": math.erf,
        "tanh": math.tanh,
        "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
        "softplus": lambda v: max(v, 0.0) + math.log1p(math.exp(-abs(v))),
        "elu": lambda v: v if v >= 0 else math.expm1(v),
    }
    for name, formula in formulas.items():
        got = _core.run_reference("eltwise", form="unary", function=name, x=x, alpha=1.0)
        np.testing.assert_allclose(got, [formula(v) for v in x], rtol=4 * np.finfo(np.float64).eps, err_msg=name)
