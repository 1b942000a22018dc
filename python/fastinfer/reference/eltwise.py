"""Elementwise operators."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_bool, get_dtype, get_float, get_str
from fastinfer.graph.ir import Node
from fastinfer.reference.activation import erf, gelu, sigmoid, softplus
from fastinfer.reference.registry import reference

Array = npt.NDArray[Any]

_UNARY: dict[str, Callable[[Array], Any]] = {
    "Abs": np.abs,
    "Acos": np.arccos,
    "Acosh": np.arccosh,
    "Asin": np.arcsin,
    "Asinh": np.arcsinh,
    "Atan": np.arctan,
    "Atanh": np.arctanh,
    "BitwiseNot": np.invert,
    "Ceil": np.ceil,
    "Cos": np.cos,
    "Cosh": np.cosh,
    "Erf": erf,
    "Exp": np.exp,
    "Floor": np.floor,
    "HardSwish": lambda x: x * np.clip(x / 6 + x.dtype.type(0.5), 0, 1),
    "Identity": lambda x: x,
    "IsNaN": np.isnan,
    "Log": np.log,
    "Mish": lambda x: x * np.tanh(softplus(x)),
    "Neg": np.negative,
    "Not": np.logical_not,
    "Reciprocal": np.reciprocal,
    "Relu": lambda x: np.maximum(x, x.dtype.type(0)),
    "Round": np.rint,  # halves to even
    "Sigmoid": sigmoid,
    "Sign": np.sign,
    "Sin": np.sin,
    "Sinh": np.sinh,
    "Softplus": softplus,
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Sqrt": np.sqrt,
    "Tan": np.tan,
    "Tanh": np.tanh,
}

_BINARY: dict[str, Callable[[Array, Array], Any]] = {
    "Add": np.add,
    "And": np.logical_and,
    "BitwiseAnd": np.bitwise_and,
    "BitwiseOr": np.bitwise_or,
    "BitwiseXor": np.bitwise_xor,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Or": np.logical_or,
    "PRelu": lambda x, slope: np.where(x < 0, x * slope, x),
    "Sub": np.subtract,
    "Xor": np.logical_xor,
}


@reference(*_UNARY, widen=True)
def unary(node: Node, x: Array) -> tuple[Array, ...]:
    return (_UNARY[node.op](x),)


@reference(*_BINARY, widen=True)
def binary(node: Node, a: Array, b: Array) -> tuple[Array, ...]:
    return (_BINARY[node.op](a, b),)


@reference("Div", widen=True)
def divide(node: Node, a: Array, b: Array) -> tuple[Array, ...]:
    """Integers are divided as C does it, towards zero."""
    if a.dtype.kind == "f":
        return (np.divide(a, b),)
    return (np.floor_divide(a - np.fmod(a, b), b),)


@reference("Mod", widen=True)
def modulo(node: Node, a: Array, b: Array) -> tuple[Array, ...]:
    """The sign of the divisor, or with fmod that of the dividend."""
    return (np.fmod(a, b) if get_bool(node, "fmod") else np.mod(a, b),)


@reference("Pow", widen=True)
def power(node: Node, x: Array, y: Array) -> tuple[Array, ...]:
    """In the base's type; integers with fractional or negative exponents go through float64."""
    if x.dtype.kind != "f" and (y.dtype.kind == "f" or (y < 0).any()):
        return (np.power(x.astype(np.float64), y).astype(x.dtype),)
    return (np.power(x, y.astype(x.dtype)),)


@reference("BitShift")
def bit_shift(node: Node, x: Array, y: Array) -> tuple[Array, ...]:
    """Signed numbers keep their sign to the right; shifts out of range leave only the sign."""
    return ((np.left_shift if get_str(node, "direction") == "LEFT" else np.right_shift)(x, y),)


@reference("Where")
def where(node: Node, condition: Array, a: Array, b: Array) -> tuple[Array, ...]:
    return (np.where(condition, a, b),)


@reference("Cast")
def cast(node: Node, x: Array) -> tuple[Array, ...]:
    to = get_dtype(node, "to")
    assert to is not None
    return (x.astype(to.numpy, copy=False),)


@reference("CastLike")
def cast_like(node: Node, x: Array, like: Array) -> tuple[Array, ...]:
    return (x.astype(like.dtype, copy=False),)


@reference("Clip")
def clip(node: Node, x: Array, low: Array | None = None, high: Array | None = None) -> tuple[Array, ...]:
    if low is not None:
        x = np.maximum(x, low.reshape(()))
    if high is not None:
        x = np.minimum(x, high.reshape(()))
    return (x,)


@reference("IsInf")
def is_inf(node: Node, x: Array) -> tuple[Array, ...]:
    negative, positive = get_bool(node, "detect_negative"), get_bool(node, "detect_positive")
    return (((x == -np.inf) & negative) | ((x == np.inf) & positive),)


# Activations with parameters, which take the type of x.


def _parameter(node: Node, x: Array, name: str = "alpha") -> Any:
    return x.dtype.type(get_float(node, name))


@reference("LeakyRelu", widen=True)
def leaky_relu(node: Node, x: Array) -> tuple[Array, ...]:
    return (np.where(x < 0, x * _parameter(node, x), x),)


@reference("Elu", widen=True)
def elu(node: Node, x: Array) -> tuple[Array, ...]:
    return (np.where(x < 0, _parameter(node, x) * np.expm1(np.minimum(x, 0)), x),)


@reference("Celu", widen=True)
def celu(node: Node, x: Array) -> tuple[Array, ...]:
    alpha = _parameter(node, x)
    return (np.where(x < 0, alpha * np.expm1(np.minimum(x, 0) / alpha), x),)


@reference("Selu", widen=True)
def selu(node: Node, x: Array) -> tuple[Array, ...]:
    alpha, gamma = _parameter(node, x), _parameter(node, x, "gamma")
    return (gamma * np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x),)


@reference("ThresholdedRelu", widen=True)
def thresholded_relu(node: Node, x: Array) -> tuple[Array, ...]:
    return (np.where(x > _parameter(node, x), x, x.dtype.type(0)),)


@reference("HardSigmoid", widen=True)
def hard_sigmoid(node: Node, x: Array) -> tuple[Array, ...]:
    return (np.clip(_parameter(node, x) * x + _parameter(node, x, "beta"), 0, 1),)


@reference("Gelu", widen=True)
def gelu_exact_or_tanh(node: Node, x: Array) -> tuple[Array, ...]:
    if get_str(node, "approximate") == "none":
        return (gelu(x),)
    inner = x.dtype.type(math.sqrt(2 / math.pi)) * (x + x.dtype.type(0.044715) * x * x * x)
    return (x * (1 + np.tanh(inner)) / 2,)
