"""The gemm room: every row, form and epilogue against the float64 reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fastinfer import _core
from guarded import guarded, guarded_start

Array = npt.NDArray[Any]
F32 = np.float32
EPS = float(np.finfo(F32).eps)
ROWS = [row for row in _core.kernels() if row["family"] == "gemm"]
FORMS = ("strided", "offsets", "packed", "mapped")
TAPS = 3
ACTIVATIONS = {
    "none": (0.0, 0.0),
    "clamp": (0.0, 6.0),
    "leaky_relu": (0.1, 0.0),
    "sigmoid": (0.0, 0.0),
    "hard_sigmoid": (0.2, 0.5),
    "hard_swish": (0.0, 0.0),
    "silu": (0.0, 0.0),
    "tanh": (0.0, 0.0),
    "elu": (0.7, 0.0),
    "gelu": (0.0, 0.0),
}


@pytest.fixture(params=ROWS, ids=lambda row: row["name"])
def row(request: pytest.FixtureRequest) -> dict[str, Any]:
    if not request.param["usable"]:
        pytest.skip(f"this CPU cannot run tier {request.param['tier']}")
    return dict(request.param)


def edges(unit: int) -> list[int]:
    """Sizes around the edges of a tile."""
    return sorted({1, 2, unit // 2, unit - 1, unit, unit + 1, 2 * unit + 1} - {0})


def problem(rng: np.random.Generator, form: str, m: int, n: int, k: int) -> dict[str, Any]:
    """Operands of one product, each between memory that must not be touched. k is a multiple of TAPS for offsets."""
    arguments: dict[str, Any] = {"form": form, "rhs": guarded(rng.standard_normal((k, n)).astype(F32))}
    if form == "offsets":
        rows, k_tap = max(2, m // 2), k // TAPS
        lhs = rng.standard_normal((rows, k_tap)).astype(F32)
        arguments["offsets"] = rng.integers(-1, rows, (TAPS, m), dtype=np.int32)
        arguments["pad"] = guarded(rng.standard_normal(k_tap).astype(F32))
    elif form == "mapped":
        lhs = rng.standard_normal((m, k + 2)).astype(F32)
        arguments["map"] = guarded(rng.integers(0, k + 2, k, dtype=np.int32))
    else:
        lhs = rng.standard_normal((m, k)).astype(F32)
    arguments["lhs"] = guarded(lhs.T.copy()).T if form == "packed" else guarded(lhs)
    return arguments


def dense_lhs(arguments: dict[str, Any]) -> Array:
    if arguments["form"] == "mapped":
        return np.asarray(arguments["lhs"][:, arguments["map"]])
    if arguments["form"] != "offsets":
        return np.asarray(arguments["lhs"])
    table = np.concatenate([arguments["lhs"], arguments["pad"][None]])
    return np.concatenate([table[tap] for tap in arguments["offsets"]], axis=1)  # -1: the last row


def tolerance(arguments: dict[str, Any]) -> Array:
    """K roundings of a sum bounded by sum |a||b| + |bias| + |residual|, and a few of the epilogue.

    No activation here grows a difference by more than 1.13 (gelu's slope), and vector activations err by a few ulp.
    """
    lhs, rhs = dense_lhs(arguments).astype(np.float64), arguments["rhs"].astype(np.float64)
    total = np.abs(lhs) @ np.abs(rhs)
    for name in ("bias", "residual"):
        total = total + np.abs(arguments.get(name, 0.0))
    return np.asarray(1.2 * (lhs.shape[1] + 3) * EPS * total + 8 * EPS)


def check(name: str, arguments: dict[str, Any], **blocks: int) -> Array:
    expected = _core.run_reference("gemm", **arguments)
    out = _core.run_kernel(name, **arguments, **blocks)
    error = np.abs(out - expected)
    assert np.all(error <= tolerance(arguments)), f"{error.max()} beside {tolerance(arguments).min()}"
    return np.asarray(out)


@pytest.mark.parametrize("form", FORMS)
def test_edges_of_the_tile(row: dict[str, Any], form: str) -> None:
    rng = np.random.default_rng(1)
    for m in edges(row["mr"]):
        for n in edges(row["nr"]):
            check(row["name"], problem(rng, form, m, n, 3 * 7))


@pytest.mark.parametrize("form", FORMS)
def test_vectors_of_columns_and_depths(row: dict[str, Any], form: str) -> None:
    rng = np.random.default_rng(2)
    for n in range(1, row["nr"] + 1, 5):
        check(row["name"], problem(rng, form, row["mr"], n, TAPS))
    for k in (TAPS, 2 * TAPS, 5 * TAPS, 64 * TAPS):
        check(row["name"], problem(rng, form, row["mr"] + 1, row["nr"] + 3, k))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_epilogue(row: dict[str, Any], activation: str) -> None:
    rng = np.random.default_rng(3)
    alpha, beta = ACTIVATIONS[activation]
    m, n = row["mr"] + 1, row["nr"] + 3
    for use_bias in (False, True):
        for use_residual in (False, True):
            arguments = problem(rng, "strided", m, n, 12)
            arguments |= {"activation": activation, "activation_alpha": alpha, "activation_beta": beta}
            if use_bias:
                arguments["bias"] = guarded(rng.standard_normal(n).astype(F32))
            if use_residual:
                arguments["residual"] = guarded(rng.standard_normal((m, n)).astype(F32))
            check(row["name"], arguments, kc=8)


@pytest.mark.parametrize("form", FORMS)
def test_blocks_of_k(row: dict[str, Any], form: str) -> None:
    """Blocks end inside a tap, between taps, and hold several taps; the epilogue runs once, after the last."""
    rng = np.random.default_rng(4)
    m, n, k = 2 * row["mr"] + 1, row["nr"] + 1, TAPS * 16
    arguments = problem(rng, form, m, n, k) | {"bias": rng.standard_normal(n).astype(F32)}
    arguments |= {"residual": rng.standard_normal((m, n)).astype(F32), "activation": "clamp", "activation_beta": 6.0}
    whole = check(row["name"], arguments)
    for kc in (1, 5, 8, 16, 17, 32, 47, 48):
        blocked = check(row["name"], arguments, kc=kc, mc=row["mr"], nc=row["nr"])
        assert np.array_equal(whole, blocked), "each element is one chain in the order of k"


@pytest.mark.parametrize("form", FORMS)
def test_division_of_rows_and_columns_changes_no_bit(row: dict[str, Any], form: str) -> None:
    rng = np.random.default_rng(5)
    mr, nr = row["mr"], row["nr"]
    m, n = 3 * mr + 2, 2 * nr + 5
    arguments = problem(rng, form, m, n, TAPS * 40) | {"activation": "silu"}
    whole = _core.run_kernel(row["name"], **arguments)
    for m_part in (1, 2, mr - 1 or 1, mr, mr + 1, m - 1):
        for n_part in (nr, 2 * nr):
            parts = _core.run_kernel(row["name"], **arguments, m_part=m_part, n_part=n_part)
            assert np.array_equal(whole, parts)


@pytest.mark.parametrize("form", FORMS)
def test_neighbours_are_neither_read_nor_written(row: dict[str, Any], form: str) -> None:
    """lhs, residual and out are slices of wider arrays full of NaN."""
    rng = np.random.default_rng(6)
    m, n, k = row["mr"] + 1, row["nr"] + 2, TAPS * 4
    arguments = problem(rng, form, m, n, k)
    for place in (guarded, guarded_start):
        inside = dict(arguments)
        lhs = arguments["lhs"]
        wide = np.full((lhs.shape[0], lhs.shape[1] + 5), np.nan, F32)
        wide[:, 2:-3] = lhs
        inside["lhs"] = place(wide)[:, 2:-3]
        out = place(np.full((m, n + 7), np.nan, F32))
        residual = place(np.full((m, n + 7), np.nan, F32))
        residual[:, 3:-4] = 1
        inside |= {"out": out[:, 3:-4], "residual": residual[:, 3:-4]}
        assert np.all(np.isfinite(check(row["name"], inside)))
        assert np.all(np.isnan(out[:, [0, 1, 2, -4, -3, -2, -1]]))


def test_rhs_of_any_strides(row: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    arguments = problem(rng, "strided", row["mr"], row["nr"] + 1, 37)
    rhs = arguments["rhs"]
    expected = check(row["name"], arguments)
    doubled = np.repeat(np.repeat(rhs, 2, axis=0), 3, axis=1)
    for strided in (rhs.T.copy().T, doubled[::2, ::3], rhs[::-1].copy()[::-1], np.asfortranarray(rhs)):
        assert np.array_equal(_core.run_kernel(row["name"], **(arguments | {"rhs": strided})), expected)


def test_nan_and_infinity_pass(row: dict[str, Any]) -> None:
    """A NaN stays where it belongs: in its row, through a clamp too."""
    lhs, rhs = np.ones((row["mr"], 4), F32), np.ones((4, row["nr"]), F32)
    lhs[0, 1] = np.nan
    out = _core.run_kernel(row["name"], lhs=lhs, rhs=rhs, activation="clamp", activation_beta=6.0)
    assert np.all(np.isnan(out[0]))
    assert np.all(out[1:] == 4)


def test_empty_depth_leaves_the_epilogue(row: dict[str, Any]) -> None:
    bias = np.arange(3, dtype=F32)
    out = _core.run_kernel(row["name"], lhs=np.zeros((2, 0), F32), rhs=np.zeros((0, 3), F32), bias=bias)
    assert np.array_equal(out, np.stack([bias, bias]))


def test_best_row() -> None:
    """Of the best tier allowed, offering the form; few columns get no wide tile, many rows no low one."""
    by_name = {row["name"]: row for row in ROWS}
    for isa in _core.build_config()["tiers_usable"]:
        tier = [row for row in ROWS if row["tier"] == isa]
        for form in FORMS:
            for m, n, k in ((1, 1000, 2048), (1, 1, 1), (49, 512, 4608), (3136, 64, 64), (7, 5, 3), (12544, 32, 27)):
                row = by_name[_core.gemm_best_row(form, m, n, k, isa)]
                assert row["tier"] == isa
                assert form in row["forms"]
        narrow = by_name[_core.gemm_best_row("strided", 4096, 4, 64, isa)]
        assert narrow["nr"] < max(row["nr"] for row in tier)
        tall = by_name[_core.gemm_best_row("strided", 4096, 768, 256, isa)]
        assert tall["mr"] > min(row["mr"] for row in tier), "a tile of few rows streams the rhs too often"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"rhs": np.zeros((5, 3), F32)}, "shape"),
        ({"rhs": np.zeros((4, 3))}, "dtype"),
        ({"bias": np.zeros(2, F32)}, "shape"),
        ({"residual": np.zeros((2, 2), F32)}, "shape"),
        ({"form": "sideways"}, "value"),
        ({"lhs": np.zeros((4, 2), F32).T}, "shape"),
        ({"activation": "loud"}, "attribute"),
        ({"form": "mapped", "map": np.zeros(3, np.int32)}, "shape"),
        ({"form": "mapped", "map": np.array([0, 1, 2, 4], np.int32)}, "shape"),
        ({"form": "mapped", "map": np.array([0, 1, 2, -1], np.int32)}, "shape"),
    ],
)
def test_bad_arguments(change: dict[str, Any], kind: str) -> None:
    arguments: dict[str, Any] = {"lhs": np.zeros((2, 4), F32), "rhs": np.zeros((4, 3), F32)}
    name = next(row["name"] for row in ROWS if row["usable"])
    with pytest.raises(_core.CoreError) as error:
        _core.run_kernel(name, **(arguments | change))
    assert error.value.kind == kind
