"""The codebook room: every row, form and epilogue against the float64 reference.

Weights are exact values, so a product errs as a dot product of its nonzero terms does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fastinfer import _core
from guarded import guarded

Array = npt.NDArray[Any]
F32 = np.float32
EPS = float(np.finfo(F32).eps)
ROWS = [row for row in _core.kernels() if row["family"] == "codebook"]
VALUES = {"c4": 16, "c5": 32, "c8": 256}
ACTIVATIONS = {"none": (0.0, 0.0), "clamp": (0.0, 6.0), "leaky_relu": (0.1, 0.0), "silu": (0.0, 0.0)}


@pytest.fixture(params=ROWS, ids=lambda row: row["name"])
def row(request: pytest.FixtureRequest) -> dict[str, Any]:
    if not request.param["usable"]:
        pytest.skip(f"this CPU cannot run tier {request.param['tier']}")
    return dict(request.param)


def problem(
    rng: np.random.Generator, row: dict[str, Any], m: int, n: int, k: int, density: float = 0.3
) -> dict[str, Any]:
    """Operands of one product; x lies between memory that must not be touched."""
    arguments: dict[str, Any] = {"x": guarded(rng.standard_normal((m, k)).astype(F32))}
    there = rng.random((n, k)) < density
    if row["code"] == "f32":
        arguments["w"] = np.where(there, rng.standard_normal((n, k)), 0).astype(F32)
    elif row["code"] == "s8":
        arguments["codes"] = rng.integers(-128, 128, (n, k), dtype=np.int8)
    else:
        count = VALUES[row["code"]]
        arguments["values"] = rng.standard_normal(count).astype(F32)
        codes = rng.integers(0, count, (n, k), dtype=np.uint8)
        if row["form"] != "coded":
            arguments["values"][0] = 0
            codes *= there
        arguments["codes"] = codes
    return arguments


def dense(arguments: dict[str, Any]) -> Array:
    if "w" in arguments:
        return np.asarray(arguments["w"])
    codes = arguments["codes"]
    return np.asarray(arguments["values"][codes] if "values" in arguments else codes.astype(F32))


def tolerance(arguments: dict[str, Any]) -> Array:
    """A rounding for each nonzero term of a sum bounded by scale * sum |x||w| + |bias| + |residual|, and of each step
    of the epilogue. No activation here grows a difference by more than 1.1 (silu's slope)."""
    w = dense(arguments).astype(np.float64)
    total = np.abs(arguments["x"].astype(np.float64)) @ np.abs(w.T)
    total = total * np.abs(arguments.get("scale", 1.0))
    for name in ("bias", "residual"):
        total = total + np.abs(arguments.get(name, 0.0))
    terms = np.count_nonzero(w, axis=1)
    return np.asarray(1.1 * (terms + 4) * EPS * total + 8 * EPS)


def check(row: dict[str, Any], arguments: dict[str, Any], **options: Any) -> Array:
    expected = _core.run_reference("codebook", **arguments)
    out = _core.run_kernel(row["name"], **arguments, **options)
    error = np.abs(out - expected)
    assert np.all(error <= tolerance(arguments)), f"{error.max()} beside {tolerance(arguments).min()}"
    return np.asarray(out)


def test_every_form_has_rows() -> None:
    for tier in _core.build_config()["tiers_usable"]:
        made = {(row["form"], row["code"]) for row in ROWS if row["tier"] == tier}
        assert {("gapped", code) for code in ("c4", "c5", "c8", "f32")} <= made
        assert {("coded", code) for code in ("c4", "c5", "c8", "s8")} <= made
        assert {("windowed", code) for code in ("c4", "c5", "f32")} <= made


def test_edges_of_groups(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    width = row["group_outputs"]
    for n in sorted({1, 3, width // 4 + 1, width - 1, width, width + 1, 2 * width + 5}):
        for k in (1, 2, 3, 16, 31):
            check(row, problem(rng, row, 1, n, k))


def test_rows_of_x(row: dict[str, Any]) -> None:
    """Any number of rows, and the same bits for a row whatever its neighbours."""
    rng = np.random.default_rng(2)
    whole = problem(rng, row, 11, row["group_outputs"] + 3, 45)
    expected = check(row, whole)
    for m in range(1, 11):
        assert np.array_equal(check(row, whole | {"x": whole["x"][:m]}), expected[:m])


def test_all_codes(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    arguments = problem(rng, row, 2, 70, 300, density=1.0)
    if row["code"] != "f32":
        codes = np.arange(70 * 300).reshape(70, 300)
        kind = arguments["codes"].dtype
        arguments["codes"] = (codes % VALUES.get(row["code"], 256)).astype(np.uint8).view(kind)
    check(row, arguments)


@pytest.mark.parametrize("k", [256, 257, 511, 512, 767, 2000])
def test_far_neighbours(row: dict[str, Any], k: int) -> None:
    """Distances of a byte, one more, and several bytes; outputs with nothing; the last input of all."""
    rng = np.random.default_rng(4)
    arguments = problem(rng, row, 2, 37, k, density=2.5 / k)
    name = "w" if "w" in arguments else "codes"
    arguments[name][::3] = 0
    arguments[name][5, -1] = 1
    arguments[name][6, [0, -1]] = 1
    check(row, arguments)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_epilogue(row: dict[str, Any], activation: str) -> None:
    rng = np.random.default_rng(5)
    alpha, beta = ACTIVATIONS[activation]
    m, n = 5, row["group_outputs"] + 7
    for extras in ((), ("bias",), ("scale",), ("residual",), ("scale", "bias", "residual")):
        arguments = problem(rng, row, m, n, 40)
        arguments |= {"activation": activation, "activation_alpha": alpha, "activation_beta": beta}
        for name in extras:
            arguments[name] = guarded(rng.standard_normal((m, n) if name == "residual" else n).astype(F32))
        check(row, arguments)


def test_division_among_threads_changes_no_bit(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(6)
    arguments = problem(rng, row, 6, 5 * row["group_outputs"] + 1, 90)
    whole = check(row, arguments)
    for part in (1, 2, 4):
        assert np.array_equal(check(row, arguments, part=part), whole)


def test_neighbours_are_neither_read_nor_written(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    m, n, k = 3, row["group_outputs"] + 2, 21
    arguments = problem(rng, row, m, n, k)
    wide = np.full((m, k + 5), np.nan, F32)
    wide[:, 2:-3] = arguments["x"]
    out = guarded(np.full((m, n + 7), np.nan, F32))
    inside = arguments | {"x": guarded(wide)[:, 2:-3]}
    assert np.all(np.isfinite(check(row, inside, out=out[:, 3:-4])))
    assert np.all(np.isnan(out[:, [0, 1, 2, -4, -3, -2, -1]]))


def test_infinity_reaches_only_its_outputs(row: dict[str, Any]) -> None:
    """Where absent weights are left out they multiply nothing, fillers and the ends of lanes included."""
    if row["form"] == "coded":
        return  # coded rows multiply zeros, as dense ones do
    n, k = 33, 700
    for column in (0, 255, 510, 699):
        x = np.ones((1, k), F32)
        x[0, column] = np.inf
        there = np.zeros((n, k), np.uint8)
        for j in range(1, n):
            there[j, :: 20 * j] = 1
        there[:, column] = 0
        there[n // 2, column] = 1
        if row["code"] == "f32":
            weights: dict[str, Array] = {"w": there.astype(F32)}
        else:
            weights = {"codes": there, "values": np.array([0, 1], F32)}
        y = _core.run_kernel(row["name"], x=x, **weights)[0]
        assert np.isposinf(y[n // 2])
        assert np.all(np.isfinite(np.delete(y, n // 2)))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"x": np.zeros((2, 5), F32)}, "shape"),
        ({"bias": np.zeros(2, F32)}, "shape"),
        ({"residual": np.zeros((2, 2), F32)}, "shape"),
        ({"scale": np.zeros((3, 1), F32)}, "shape"),
        ({"x": np.zeros((4, 2), F32).T}, "shape"),
        ({"codes": np.full((3, 4), 9, np.uint8)}, "shape"),
        ({"values": np.ones(2, F32)}, "shape"),
        ({"activation": "loud"}, "attribute"),
    ],
)
def test_bad_arguments(change: dict[str, Any], kind: str) -> None:
    arguments: dict[str, Any] = {"x": np.zeros((2, 4), F32), "codes": np.ones((3, 4), np.uint8)}
    arguments |= {"values": np.array([0, 1], F32)}
    name = next(row["name"] for row in ROWS if row["usable"] and row["form"] == "gapped" and row["code"] == "c4")
    assert _core.run_kernel(name, **arguments).shape == (2, 3)
    with pytest.raises(_core.CoreError) as caught:
        _core.run_kernel(name, **(arguments | change))
    assert caught.value.kind == kind
