"""The fused activations (cpp/base/activation.h) and the scalar functions that NumPy lacks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.errors import AttributeValueError
from fastinfer.graph.ir import Activation

Array = npt.NDArray[Any]

_ERF = np.vectorize(math.erf, otypes=[np.float64])


def erf(x: Array) -> Array:
    """The error function, correctly rounded up to an ulp or so of float64."""
    return np.asarray(_ERF(x)).astype(x.dtype) if x.size else x


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, x.dtype.type(1), e) / (1 + e))


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def gelu(x: Array) -> Array:
    return np.asarray(x * (1 + erf(x / x.dtype.type(math.sqrt(2)))) / 2)


def activate(x: Array, activation: Activation) -> Array:
    """y = activation(x), in the element type of x."""
    kind = activation.kind
    alpha, beta = x.dtype.type(activation.alpha), x.dtype.type(activation.beta)
    if kind == "clamp":
        return np.asarray(np.minimum(np.maximum(x, alpha), beta))
    if kind == "leaky_relu":
        return np.where(x < 0, alpha * x, x)
    if kind == "sigmoid":
        return sigmoid(x)
    if kind == "hard_sigmoid":
        return np.asarray(np.clip(alpha * x + beta, 0, 1))
    if kind == "hard_swish":
        return np.asarray(x * np.clip(x / 6 + x.dtype.type(0.5), 0, 1))
    if kind == "silu":
        return np.asarray(x * sigmoid(x))
    if kind == "tanh":
        return np.asarray(np.tanh(x))
    if kind == "elu":
        return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)
    if kind == "gelu":
        return gelu(x)
    raise AttributeValueError(f"unknown activation {kind!r}")
