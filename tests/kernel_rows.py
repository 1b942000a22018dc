"""Rows of the kernel table as test parameters, and float32 comparisons that the tests of several rooms share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fastinfer import _core

Array = npt.NDArray[Any]
Row = dict[str, Any]

F32 = np.float32
EPS = float(np.finfo(F32).eps)
LANES = {"scalar": 4, "neon": 4, "avx2": 8, "avx512": 16}


def rows_of(family: str, **properties: Any) -> Any:
    """Parametrizes `row` over the family's rows with these properties (a tuple: any of them).

    Rows that this CPU cannot run skip, visibly.
    """
    rows = [row for row in _core.kernels() if row["family"] == family]
    wanted = {name: value if isinstance(value, tuple) else (value,) for name, value in properties.items()}
    rows = [row for row in rows if all(row[name] in values for name, values in wanted.items())]
    assert rows, f"no {family} row has {properties}"
    return pytest.mark.parametrize("row", [_parameter(row) for row in rows])


def _parameter(row: Row) -> Any:
    reason = f"this CPU cannot run tier {row['tier']}"
    marks = () if row["usable"] else (pytest.mark.skip(reason=reason),)
    return pytest.param(row, id=row["name"], marks=marks)


def edge_sizes(row: Row) -> list[int]:
    """Lengths around the row's vector length and its multiples."""
    lanes = LANES[row["tier"]]
    return sorted({1, 2, 3, lanes - 1, lanes, lanes + 1, 2 * lanes, 4 * lanes - 1, 4 * lanes + 1, 5 * lanes + 2})


def ulp(exact: Array) -> Array:
    """The last place of each number as a float32."""
    finite = np.where(np.isfinite(exact), exact, 1.0)
    _, exponent = np.frexp(finite)
    return np.ldexp(1.0, np.maximum(exponent - 24, -149))


def assert_within(got: Array, exact: Array, tolerance: Array | float) -> None:
    """|got - exact| <= tolerance; NaN and infinity (after rounding to float32) must be where `exact` has them."""
    assert got.shape == exact.shape
    with np.errstate(over="ignore"):
        rounded = exact.astype(F32)
    same = (got == rounded) | (np.isnan(got) & np.isnan(rounded))
    comparable = np.isfinite(got) & np.isfinite(rounded)
    error = np.where(comparable, np.abs(np.where(comparable, got, 0) - np.where(comparable, exact, 0)), np.inf)
    bad = ~same & ~(error <= tolerance)
    if bad.any():
        at = np.unravel_index(int(np.argmax(bad)), bad.shape)
        limit = np.broadcast_to(np.asarray(tolerance), bad.shape)[at]
        raise AssertionError(f"{bad.sum()} wrong; at {at}: {got[at]!r}, not {exact[at]!r} (tolerance {limit!r})")


def every_binade(step: int = 99991) -> Array:
    """Float32 by its bits: all binades of both signs evenly, denormals, infinities and NaN."""
    bits = np.arange(0, 1 << 32, step, dtype=np.uint64).astype(np.uint32)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-45, -1e-45, 3.4028235e38]
    x = np.concatenate([bits.view(F32), np.array(special, F32)])
    return np.where(np.isnan(x), F32(np.nan), x)  # quiet: the C library answers signalling ones differently
