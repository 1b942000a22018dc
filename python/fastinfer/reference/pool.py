"""Pooling, local and global."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_bool, get_int
from fastinfer.graph.geometry import pool_window
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference
from fastinfer.reference.windows import windows_of

Array = npt.NDArray[Any]


def lowest(dtype: np.dtype[Any]) -> float | int:
    """What no element is smaller than."""
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _flat(windows: Array, spatial: int) -> Array:
    """The kernel's axes, the last ones, as one."""
    return windows.reshape(*windows.shape[: 2 + spatial], -1)


@reference("MaxPool")
def max_pool(node: Node, x: Array) -> tuple[Array, ...]:
    """The maxima, and if asked for where they stood: flat indices into x, the first one of equals."""
    window = pool_window(node, x.shape)
    spatial = x.ndim - 2
    windows = _flat(windows_of(x, window, lowest(x.dtype)), spatial)
    y = windows.max(-1)
    if len(node.outputs) < 2 or not node.outputs[1]:
        return (y,)
    numbers: Array = np.arange(prod(x.shape[2:]))
    numbers = numbers.reshape(x.shape[:1:-1]).T if get_bool(node, "storage_order") else numbers.reshape(x.shape[2:])
    places = _flat(windows_of(numbers[None, None], window, -1), spatial)  # -1: not in the input
    hit = (windows == y[..., None]) & (places >= 0)
    first = np.take_along_axis(np.broadcast_to(places, windows.shape), hit.argmax(-1)[..., None], -1)[..., 0]
    planes = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *(1,) * spatial)
    return y, first + planes * numbers.size


@reference("AveragePool", widen=True)
def average_pool(node: Node, x: Array) -> tuple[Array, ...]:
    """Means over what a window covers of the input, and of its pads too if count_include_pad."""
    window = pool_window(node, x.shape)
    spatial = x.ndim - 2
    counted = np.ones((1, 1, *x.shape[2:]), x.dtype)
    inside = window
    if get_bool(node, "count_include_pad"):
        pads = [(0, 0), (0, 0), *zip(window.pad_begin, window.pad_end, strict=True)]
        counted = np.pad(counted, pads, constant_values=1)
        inside = replace(window, pad_begin=(0,) * spatial, pad_end=(0,) * spatial)
    counts = _flat(windows_of(counted, inside, 0), spatial).sum(-1)
    return (_flat(windows_of(x, window, 0), spatial).sum(-1) / counts,)


@reference("LpPool", widen=True)
def lp_pool(node: Node, x: Array) -> tuple[Array, ...]:
    p = get_int(node, "p")
    windows = _flat(windows_of(x, pool_window(node, x.shape), 0), x.ndim - 2)
    return ((np.abs(windows) ** p).sum(-1) ** (1 / p),)


@reference("GlobalMaxPool")
def global_max_pool(node: Node, x: Array) -> tuple[Array, ...]:
    return (x.max(tuple(range(2, x.ndim)), keepdims=True),)


@reference("GlobalAveragePool", widen=True)
def global_average_pool(node: Node, x: Array) -> tuple[Array, ...]:
    return (x.mean(tuple(range(2, x.ndim)), keepdims=True),)


@reference("GlobalLpPool", widen=True)
def global_lp_pool(node: Node, x: Array) -> tuple[Array, ...]:
    p = get_int(node, "p")
    return ((np.abs(x) ** p).sum(tuple(range(2, x.ndim)), keepdims=True) ** (1 / p),)
