"""Normalizations and softmax."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_bool, get_float, get_int
from fastinfer.graph.geometry import normalize_axis
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference

Array = npt.NDArray[Any]


@reference("BatchNormalization", widen=True)
def batch_normalization(
    node: Node, x: Array, scale: Array, bias: Array, mean: Array, variance: Array
) -> tuple[Array, ...]:
    """scale * (x - mean) / sqrt(variance + epsilon) + bias, per channel."""
    shape = (-1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else (1,)
    factor = scale / np.sqrt(variance + variance.dtype.type(get_float(node, "epsilon")))
    y = (x - mean.reshape(shape)) * factor.reshape(shape) + bias.reshape(shape)
    return (y.astype(x.dtype, copy=False),)


@reference("InstanceNormalization", widen=True)
def instance_normalization(node: Node, x: Array, scale: Array, bias: Array) -> tuple[Array, ...]:
    """As batch normalization, with each picture's own mean and variance per channel."""
    shape, axes = (-1, *(1,) * (x.ndim - 2)), tuple(range(2, x.ndim))
    centred = x - x.mean(axes, keepdims=True)
    variance = np.square(centred).mean(axes, keepdims=True)
    normal = centred / np.sqrt(variance + x.dtype.type(get_float(node, "epsilon")))
    return (scale.reshape(shape) * normal + bias.reshape(shape),)


@reference("LayerNormalization", widen=True)
def layer_normalization(node: Node, x: Array, scale: Array, bias: Array | None = None) -> tuple[Array, ...]:
    """Over all axes from `axis` on. The statistics are float32, or float64 for float64."""
    axes = tuple(range(normalize_axis(get_int(node, "axis"), x.ndim), x.ndim))
    mean = x.mean(axes, keepdims=True)
    centred = x - mean
    inverse = 1 / np.sqrt(np.square(centred).mean(axes, keepdims=True) + x.dtype.type(get_float(node, "epsilon")))
    y = centred * inverse * scale
    return y if bias is None else y + bias, mean, inverse


@reference("LRN", widen=True)
def lrn(node: Node, x: Array) -> tuple[Array, ...]:
    """x / (bias + alpha / size * sum of the squares of `size` channels around) ** beta."""
    size = get_int(node, "size")
    before = (size - 1) // 2
    squares = np.pad(np.square(x), [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)])
    total = np.lib.stride_tricks.sliding_window_view(squares, size, axis=1).sum(-1)
    scale = x.dtype.type(get_float(node, "alpha") / size)
    return (x / (x.dtype.type(get_float(node, "bias")) + scale * total) ** x.dtype.type(get_float(node, "beta")),)


@reference("Softmax", "LogSoftmax", widen=True)
def softmax(node: Node, x: Array) -> tuple[Array, ...]:
    """Along one axis, or with `flatten` over all axes from it on together."""
    if x.ndim == 0:
        return (np.ones_like(x) if node.op == "Softmax" else np.zeros_like(x),)
    axis, shape = normalize_axis(get_int(node, "axis"), x.ndim), x.shape
    if get_bool(node, "flatten"):
        x, axis = x.reshape(prod(shape[:axis]), prod(shape[axis:])), 1
    if x.size == 0:
        return (x.reshape(shape),)
    shifted = x - x.max(axis, keepdims=True)
    exponential = np.exp(shifted)
    total = exponential.sum(axis, keepdims=True)
    y = exponential / total if node.op == "Softmax" else shifted - np.log(total)
    return (y.reshape(shape),)
