"""The blocks room: every row and epilogue against the float64 reference."""

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
ROWS = [row for row in _core.kernels() if row["family"] == "blocks"]
ACTIVATIONS = {"none": (0.0, 0.0), "clamp": (0.0, 6.0), "leaky_relu": (0.1, 0.0), "silu": (0.0, 0.0)}


@pytest.fixture(params=ROWS, ids=lambda row: row["name"])
def row(request: pytest.FixtureRequest) -> dict[str, Any]:
    if not request.param["usable"]:
        pytest.skip(f"this CPU cannot run tier {request.param['tier']}")
    return dict(request.param)


def blocks(rng: np.random.Generator, row: dict[str, Any], n: int, k: int, density: float) -> Array:
    """(n, k) elements in whole blocks of the row's kind."""
    height = row["block_outputs"]
    width = 4 // height
    there = np.kron(rng.random((n // height, k // width)) < density, np.ones((height, width)))
    return np.where(there, rng.standard_normal((n, k)), 0).astype(F32)


def problem(
    rng: np.random.Generator, row: dict[str, Any], m: int, n: int, k: int, density: float = 0.3
) -> dict[str, Any]:
    """Operands of one product; x lies between memory that must not be touched."""
    return {"x": guarded(rng.standard_normal((m, k)).astype(F32)), "w": blocks(rng, row, n, k, density)}


def check(row: dict[str, Any], arguments: dict[str, Any], **more: Any) -> Array:
    found: Array = _core.run_kernel(row["name"], **arguments, **more)
    wanted = _core.run_reference("blocks", **arguments)
    magnitude = abs(arguments["x"].astype(np.float64)) @ abs(arguments["w"].astype(np.float64)).T
    for name in ("bias", "residual"):
        magnitude = magnitude + abs(arguments.get(name, np.zeros(1)))
    # a rounding for each term and of each sum; activations are Lipschitz, of about 1, and err by a few more
    bound = (arguments["x"].shape[1] + 6) * EPS * 1.2 * magnitude + 4 * EPS * abs(wanted)
    assert found.shape == wanted.shape
    assert (abs(found - wanted) <= bound).all()
    return found


def sizes(row: dict[str, Any]) -> list[tuple[int, int]]:
    """(n, k): whole groups, a part of one, the least."""
    height = row["block_outputs"]
    width = 4 // height
    return [(64, 48), (20, 7 * width), (height, width), (height * 5, 33 * width), (100, 4 * width)]


@pytest.mark.parametrize("density", [0.05, 0.4, 1.0])
def test_against_reference(row: dict[str, Any], density: float) -> None:
    rng = np.random.default_rng(1)
    for n, k in sizes(row):
        for m in (1, 2, 3, 4, 5, row["most"] - 1, row["most"], 2 * row["most"] + 3):
            if m > 0:
                check(row, problem(rng, row, m, n, k, density))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("extras", [(), ("bias",), ("residual",), ("bias", "residual")])
def test_epilogue(row: dict[str, Any], activation: str, extras: tuple[str, ...]) -> None:
    rng = np.random.default_rng(2)
    alpha, beta = ACTIVATIONS[activation]
    for m, n in ((1, 20), (row["most"] + 1, 36)):
        arguments = problem(rng, row, m, n, 24)
        arguments |= {"activation": activation, "activation_alpha": alpha, "activation_beta": beta}
        for name in extras:
            arguments[name] = guarded(rng.standard_normal((m, n) if name == "residual" else n).astype(F32))
        check(row, arguments)


def test_division_among_threads_changes_no_bit(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    arguments = problem(rng, row, 6, 84, 60)
    whole = check(row, arguments)
    for part in (1, 2, 4):
        assert np.array_equal(check(row, arguments, part=part), whole)


def test_neighbours_are_neither_read_nor_written(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(4)
    m, n, k = row["most"] + 3, 20, 16 + row["block_outputs"] % 4 * 4
    arguments = problem(rng, row, m, n, k)
    wide = np.full((m, k + 5), np.nan, F32)
    wide[:, 2:-3] = arguments["x"]
    beside = np.full((m, n + 3), np.nan, F32)
    beside[:, 1:-2] = rng.standard_normal((m, n))
    out = guarded(np.full((m, n + 7), np.nan, F32))
    inside = arguments | {"x": guarded(wide)[:, 2:-3], "residual": guarded(beside)[:, 1:-2]}
    assert np.all(np.isfinite(check(row, inside, out=out[:, 3:-4])))
    assert np.all(np.isnan(out[:, [0, 1, 2, -4, -3, -2, -1]]))


def test_infinity_reaches_only_its_outputs(row: dict[str, Any]) -> None:
    """A block that is not stored multiplies nothing, the fillers of shorter rows included."""
    n, k = 36, 40
    for column in (0, 17, k - 1):
        x = np.ones((row["most"], k), F32)
        x[:, column] = np.inf
        w = np.zeros((n, k), F32)
        for j in range(4, n):
            w[j, :: j // 4 * 4] = 1
        w[:, column - column % 4 : column - column % 4 + 4] = 0
        w[n - 4 :, column] = 1
        y = _core.run_kernel(row["name"], x=x, w=w)
        assert np.all(np.isposinf(y[:, n - 4 :]))
        assert np.all(np.isfinite(y[:, : n - 4]))


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"x": np.zeros((2, 5), F32)}, "shape"),
        ({"w": np.zeros((6, 6), F32)}, "shape"),
        ({"bias": np.zeros(2, F32)}, "shape"),
        ({"residual": np.zeros((2, 2), F32)}, "shape"),
        ({"x": np.zeros((4, 2), F32).T}, "shape"),
        ({"out": np.zeros((2, 5), F32)}, "shape"),
        ({"activation": "loud"}, "attribute"),
    ],
)
def test_bad_arguments(change: dict[str, Any], kind: str) -> None:
    arguments: dict[str, Any] = {"x": np.zeros((2, 4), F32), "w": np.ones((4, 4), F32)}
    for name in (row["name"] for row in ROWS if row["usable"]):
        assert _core.run_kernel(name, **arguments).shape == (2, 4)
        with pytest.raises(_core.CoreError) as caught:
            _core.run_kernel(name, **(arguments | change))
        assert caught.value.kind == kind
