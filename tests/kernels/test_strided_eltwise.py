"""Unary and binary functions of every dtype and layout, against NumPy in float64 or exact integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from strided_views import (
    DTYPES,
    FLOATS,
    INTEGERS,
    SIGNED,
    Array,
    broadcast,
    output,
    random_array,
    run,
    seeds,
    shapes,
)

pytestmark = pytest.mark.portable

A, B = 0.75, 1.25  # alpha and beta, exact in every float

erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softplus(x: Array) -> Array:
    return np.logaddexp(0, x)


UNARY: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x < 0, A * x, x),
    "elu": lambda x: np.where(x < 0, A * np.expm1(x), x),
    "selu": lambda x: B * np.where(x > 0, x, A * np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, A * np.expm1(x / A)),
    "clamp": lambda x: np.clip(x, A, B),
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(A * x + B, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "silu": lambda x: x * sigmoid(x),
    "tanh": np.tanh,
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    "softplus": softplus,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "erf": erf,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "abs": np.abs,
    "neg": np.negative,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "reciprocal": lambda x: 1 / x,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "thresholded_relu": lambda x: np.where(x > A, x, 0),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "shrink": lambda x: np.where(x < -A, x + B, np.where(x > A, x - B, 0)),
}
EXACT = {"relu", "sign", "abs", "neg", "floor", "ceil", "round"}
# Formulas that subtract nearly equal terms: their error is relative to the terms (at most 1 + |x|), not to the result.
CANCELLING = {"gelu", "gelu_tanh", "hard_sigmoid", "hard_swish", "shrink", "acosh", "mish"}


def tolerance(name: str, x: Array, y: Array, dtype: Any) -> Array:
    """Eight roundings in the type that computes, and one to f16."""
    eps = float(np.finfo(np.float32 if dtype == np.float16 else dtype).eps)
    scale = np.abs(y) + (1 + np.abs(x) if name in CANCELLING else 0)
    bound = 8 * eps * scale + np.finfo(dtype).tiny
    return np.asarray(bound + np.finfo(np.float16).eps * np.abs(y) + 2.0**-24 if dtype == np.float16 else bound)


def assert_close(name: str, actual: Array, expected: Array, x: Array, dtype: Any) -> None:
    with np.errstate(all="ignore"):
        rounded = expected.astype(dtype)
        finite = np.isfinite(rounded)
        np.testing.assert_array_equal(actual[~finite], rounded[~finite])
        wide = expected[finite].astype(np.float64)
        error = np.abs(actual[finite].astype(np.float64) - wide)
        limit = tolerance(name, np.nan_to_num(x[finite].astype(np.float64)), wide, dtype)
    if name in EXACT:
        np.testing.assert_array_equal(actual[finite], rounded[finite])
    assert (error <= limit).all(), float((error / limit).max())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", UNARY)
def test_unary_of_floats(name: str, dtype: Any) -> None:
    limit = 1.0 if name in ("asin", "acos", "atanh") else 9.0
    x = np.random.default_rng(1).uniform(-limit, limit, 1100).astype(dtype)
    x[:9] = [0, 1, -1, 0.5, -0.5, 2.5, np.nan, limit, -limit]
    y = np.zeros_like(x)
    run("unary", x=x, y=y, function=name, alpha=A, beta=B)
    with np.errstate(all="ignore"):
        expected = UNARY[name](x.astype(np.float64))
    assert_close(name, y, expected, x, dtype)


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities_and_nan(dtype: Any) -> None:
    x = np.array([np.inf, -np.inf, np.nan, 0], dtype)
    for name in ("sigmoid", "tanh", "softplus", "exp", "abs", "erf", "relu", "clamp", "atan"):
        y = np.zeros_like(x)
        run("unary", x=x, y=y, function=name, alpha=A, beta=B)
        with np.errstate(all="ignore"):
            assert_close(name, y, UNARY[name](x.astype(np.float64)), np.nan_to_num(x, posinf=1, neginf=1), dtype)


@settings(max_examples=80, deadline=None)
@given(st.data(), shapes, st.sampled_from(FLOATS), seeds, st.booleans(), st.booleans())
def test_tests_of_floats(
    data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, negative: bool, positive: bool
) -> None:
    values = random_array(seed, shape, dtype)
    values[np.abs(values) < 1] = np.nan
    values[values > 5] = np.inf
    values[values < -5] = -np.inf
    x = broadcast(data, values)
    y = output(data, shape, np.bool_)
    run("unary", x=x, y=y.view, function="is_nan", split=True)
    np.testing.assert_array_equal(y.result(), np.isnan(x))
    y = output(data, shape, np.bool_)
    run("unary", x=x, y=y.view, function="is_inf", alpha=negative, beta=positive)
    np.testing.assert_array_equal(y.result(), (np.isneginf(x) & negative) | (np.isposinf(x) & positive))


@settings(max_examples=120, deadline=None)
@given(st.data(), shapes, st.sampled_from(INTEGERS), seeds, st.sampled_from(["abs", "neg", "sign", "relu", "bit_not"]))
def test_unary_of_integers(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, name: str) -> None:
    x = broadcast(data, random_array(seed, shape, dtype))
    y = output(data, shape, dtype)
    run("unary", x=x, y=y.view, function=name, split=True)
    expected = {
        "abs": np.abs,
        "neg": lambda v: np.zeros_like(v) - v,
        "sign": np.sign,
        "relu": lambda v: np.maximum(v, np.zeros_like(v)),
        "bit_not": np.invert,
    }[name](x)
    np.testing.assert_array_equal(y.result(), expected)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_clamp_of_integers(dtype: Any) -> None:
    x = random_array(2, (200,), dtype)
    y = np.zeros_like(x)
    run("unary", x=x, y=y, function="clamp", alpha=-2.0, beta=np.inf)
    np.testing.assert_array_equal(y, np.maximum(x, np.array(max(-2, np.iinfo(dtype).min), dtype)))


def test_not() -> None:
    x = random_array(1, (7, 5), np.bool_)
    y = np.zeros_like(x)
    run("unary", x=x.T, y=y.T, function="not")
    np.testing.assert_array_equal(y, ~x)


COMPARISONS = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}


@settings(max_examples=100, deadline=None)
@given(st.data(), shapes, st.sampled_from(DTYPES), seeds, st.sampled_from([*COMPARISONS]))
def test_comparisons(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, name: str) -> None:
    a = broadcast(data, np.trunc(random_array(seed, shape, dtype)).astype(dtype))
    b = broadcast(data, np.trunc(random_array(seed + 1, shape, dtype)).astype(dtype))
    y = output(data, shape, np.bool_)
    run("binary", a=a, b=b, y=y.view, function=name, split=True)
    np.testing.assert_array_equal(y.result(), COMPARISONS[name](a, b))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_with_nan(name: str, dtype: Any) -> None:
    a, b = np.array([np.nan, 1, np.nan], dtype), np.array([1, np.nan, np.nan], dtype)
    y = np.zeros(3, np.bool_)
    run("binary", a=a, b=b, y=y, function=name)
    np.testing.assert_array_equal(y, COMPARISONS[name](a, b))


LOGIC = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


@settings(max_examples=30, deadline=None)
@given(st.data(), shapes, seeds, st.sampled_from([*LOGIC]))
def test_logic(data: st.DataObject, shape: tuple[int, ...], seed: int, name: str) -> None:
    a, b = (broadcast(data, random_array(seed + i, shape, np.bool_)) for i in (0, 1))
    y = output(data, shape, np.bool_)
    run("binary", a=a, b=b, y=y.view, function=name)
    np.testing.assert_array_equal(y.result(), LOGIC[name](a, b))


BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "min": np.minimum,
    "max": np.maximum,
    "mod": np.mod,
    "fmod": np.fmod,
    "pow": np.power,
    "prelu": lambda a, b: np.where(a < 0, a * b, a),
}


@settings(max_examples=150, deadline=None)
@given(st.data(), shapes, st.sampled_from(FLOATS), seeds, st.sampled_from([*BINARY]))
def test_binary_of_floats(data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, name: str) -> None:
    a, b = (broadcast(data, random_array(seed + i, shape, dtype)) for i in (0, 1))
    y = output(data, shape, dtype)
    run("binary", a=a, b=b, y=y.view, function=name, split=True)
    compute = np.float32 if dtype == np.float16 else dtype
    with np.errstate(all="ignore"):
        # One operation of IEEE arithmetic, so NumPy's in the same type is exact; pow is the math library's.
        expected = BINARY[name](a.astype(compute), b.astype(compute))
    result = y.result()
    if name == "pow":
        assert_close(name, result, expected.astype(np.float64), a, dtype)
    else:
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(result, expected.astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", ["min", "max"])
def test_nan_wins(name: str, dtype: Any) -> None:
    a, b = np.array([np.nan, 1, np.nan], dtype), np.array([1, np.nan, np.nan], dtype)
    y = np.zeros(3, dtype)
    run("binary", a=a, b=b, y=y, function=name)
    assert np.isnan(y).all()


def exact(name: str, a: int, b: int, bits: int) -> int:
    """The contract of make_binary in Python's unbounded integers, before wrapping."""
    if name in ("div", "mod", "fmod") and b == 0:
        return 0
    if name == "div":
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    if name == "fmod":
        return abs(a) % abs(b) * (1 if a >= 0 else -1)
    if name == "pow":
        if b < 0:
            return {1: 1, -1: 1 if b % 2 == 0 else -1}.get(a, 0)
        return pow(a, b, 2**64)
    if name in ("shift_left", "shift_right") and not 0 <= b < bits:
        return -1 if name == "shift_right" and a < 0 else 0
    functions: dict[str, Callable[[int, int], int]] = {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "mod": lambda a, b: a % b,
        "min": min,
        "max": max,
        "prelu": lambda a, b: a * b if a < 0 else a,
        "bit_and": lambda a, b: a & b,
        "bit_or": lambda a, b: a | b,
        "bit_xor": lambda a, b: a ^ b,
        "shift_left": lambda a, b: a << b,
        "shift_right": lambda a, b: a >> b,
    }
    return functions[name](a, b)


INTEGER_BINARY = [
    *["add", "sub", "mul", "div", "mod", "fmod", "pow", "min", "max", "prelu"],
    *["bit_and", "bit_or", "bit_xor", "shift_left", "shift_right"],
]


def wrapped(value: int, dtype: Any) -> int:
    bits = 8 * np.dtype(dtype).itemsize
    value %= 2**bits
    return value - 2**bits if dtype in SIGNED and value >= 2 ** (bits - 1) else value


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", INTEGER_BINARY)
def test_binary_of_integers_wraps_and_never_traps(name: str, dtype: Any) -> None:
    info = np.iinfo(dtype)
    corners = np.array([info.min, info.max, 0, 1, 2, 3, info.max - 1, info.min + 1], dtype)
    a, b = (v.ravel() for v in np.meshgrid(corners, corners))
    if dtype in SIGNED:  # -1 and min / -1
        a = np.concatenate([a, corners, [-1] * 8]).astype(dtype)
        b = np.concatenate([b, [-1] * 8, corners]).astype(dtype)
    a, b = np.concatenate([a, random_array(1, (60,), dtype)]), np.concatenate([b, random_array(2, (60,), dtype)])
    y = np.zeros_like(a)
    run("binary", a=a, b=b, y=y, function=name)
    expected = [wrapped(exact(name, int(p), int(q), info.bits), dtype) for p, q in zip(a, b, strict=True)]
    np.testing.assert_array_equal(y, np.array(expected, dtype))


@settings(max_examples=60, deadline=None)
@given(st.data(), shapes, st.sampled_from(INTEGERS), seeds, st.sampled_from(["add", "mul", "max"]))
def test_binary_of_integers_in_any_layout(
    data: st.DataObject, shape: tuple[int, ...], dtype: Any, seed: int, name: str
) -> None:
    a, b = (broadcast(data, random_array(seed + i, shape, dtype)) for i in (0, 1))
    y = output(data, shape, dtype)
    run("binary", a=a, b=b, y=y.view, function=name, split=True)
    np.testing.assert_array_equal(y.result(), BINARY[name](a, b))


@pytest.mark.parametrize(
    ("row", "arguments", "kind"),
    [
        ("unary", {"x": np.zeros(2, np.int32), "y": np.zeros(2, np.int32), "function": "exp"}, "unsupported"),
        ("unary", {"x": np.zeros(2), "y": np.zeros(2), "function": "no_such"}, "unsupported"),
        ("unary", {"x": np.zeros(2), "y": np.zeros(2, np.float32), "function": "exp"}, "dtype"),
        ("binary", {"a": np.zeros(2), "b": np.zeros(3), "y": np.zeros(2), "function": "add"}, "shape"),
        ("binary", {"a": np.zeros(2), "b": np.zeros(2), "y": np.zeros(2), "function": "bit_and"}, "unsupported"),
        ("binary", {"a": np.zeros(2), "b": np.zeros(2), "y": np.zeros(2), "function": "equal"}, "dtype"),
    ],
)
def test_refusals(row: str, arguments: dict[str, Any], kind: str) -> None:
    with pytest.raises(_core.CoreError) as caught:
        run(row, **arguments)
    assert caught.value.kind == kind
