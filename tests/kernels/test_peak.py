"""The peak loops do the work that they count."""

from __future__ import annotations

import numpy as np
import pytest

from fastinfer import _core

ROWS = [row for row in _core.kernels() if row["family"] == "peak"]
EPS = float(np.finfo(np.float32).eps)


@pytest.fixture(params=ROWS, ids=lambda row: row["name"])
def row(request: pytest.FixtureRequest) -> dict:
    if not request.param["usable"]:
        pytest.skip(f"tier {request.param['tier']} is not usable here")
    return request.param


def test_against_reference(row: dict) -> None:
    n = 2560
    rng = np.random.default_rng(1)
    src = rng.uniform(0.5, 1, n).astype(np.float32)
    if row["kind"] == "fma":
        src[1] = 0.999
    value, dst = _core.run_kernel(row["name"], src=src, n=n)
    expected = _core.run_reference("peak", kernel=row["name"], src=src, n=n)
    assert abs(value - expected) <= n * EPS * abs(expected)
    if row["kind"] == "copy":
        assert np.array_equal(dst, src)


def test_rates_are_plausible(row: dict) -> None:
    rate = _core.measure_peak(row["kind"], isa=row["tier"], bytes=1 << 16, seconds=0.01)
    assert 1e7 < rate < 1e14


def test_refusals() -> None:
    with pytest.raises(_core.CoreError, match="no peak loop"):
        _core.measure_peak("square")
    with pytest.raises(_core.CoreError, match="out of range"):
        _core.measure_peak("fma", threads=0)
