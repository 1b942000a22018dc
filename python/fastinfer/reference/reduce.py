"""Reductions, extreme positions, running sums and TopK."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_bool, get_int
from fastinfer.graph.geometry import normalize_axes, normalize_axis
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference

Array = npt.NDArray[Any]
Axes = tuple[int, ...]


def _sum(x: Array, axes: Axes) -> Array:
    return np.asarray(x.sum(axes, dtype=x.dtype, keepdims=True))


def _extreme(x: Array, axes: Axes, largest: bool) -> Array:
    """The maximum or minimum; of nothing, the type's own lowest or highest."""
    start: Any
    if x.dtype.kind == "f":
        start = -np.inf if largest else np.inf
    elif x.dtype.kind == "b":
        start = not largest
    else:
        start = np.iinfo(x.dtype).min if largest else np.iinfo(x.dtype).max
    return np.asarray((np.max if largest else np.min)(x, axes, keepdims=True, initial=start))


def _mean(x: Array, axes: Axes) -> Array:
    count = x.size // max(_sum(x, axes).size, 1)
    total = _sum(x, axes)
    return total / count if x.dtype.kind == "f" else np.fix(total / max(count, 1))


def _log_sum_exp(x: Array, axes: Axes) -> Array:
    top = _extreme(x, axes, largest=True)
    top = np.where(np.isfinite(top), top, 0) if x.dtype.kind == "f" else top
    return np.asarray(np.log(np.exp(x - top).sum(axes, keepdims=True)) + top)


_REDUCE: dict[str, Callable[[Array, Axes], Array]] = {
    "ReduceL1": lambda x, axes: _sum(np.abs(x), axes),
    "ReduceL2": lambda x, axes: np.sqrt(_sum(np.square(x), axes)),
    "ReduceLogSum": lambda x, axes: np.log(_sum(x, axes)),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceMax": lambda x, axes: _extreme(x, axes, largest=True),
    "ReduceMean": _mean,
    "ReduceMin": lambda x, axes: _extreme(x, axes, largest=False),
    "ReduceProd": lambda x, axes: x.prod(axes, dtype=x.dtype, keepdims=True),
    "ReduceSum": _sum,
    "ReduceSumSquare": lambda x, axes: _sum(np.square(x), axes),
}


@reference(*_REDUCE, widen=True)
def reduce(node: Node, x: Array, axes: Array | None = None) -> tuple[Array, ...]:
    """In the type of x; without axes over all of them, or with noop_with_empty_axes over none."""
    if axes is None or axes.size == 0:
        if get_bool(node, "noop_with_empty_axes"):
            return (x,)
        named = tuple(range(x.ndim))
    else:
        named = normalize_axes(axes.reshape(-1).tolist(), x.ndim)
    y = _REDUCE[node.op](x, named).astype(x.dtype, copy=False)
    return (y if get_bool(node, "keepdims") else y.squeeze(named),)


@reference("ArgMax", "ArgMin")
def arg_extreme(node: Node, x: Array) -> tuple[Array, ...]:
    """The first position of equals, or with select_last_index the last."""
    axis = normalize_axis(get_int(node, "axis"), x.ndim)
    find = np.argmax if node.op == "ArgMax" else np.argmin
    last = get_bool(node, "select_last_index")
    y = x.shape[axis] - 1 - find(np.flip(x, axis), axis) if last else find(x, axis)
    return (np.expand_dims(y, axis) if get_bool(node, "keepdims") else y,)


@reference("CumSum", widen=True)
def cumsum(node: Node, x: Array, axis: Array) -> tuple[Array, ...]:
    """Sums up to each element; `exclusive` leaves the element itself out, `reverse` counts from the end."""
    along = normalize_axis(int(axis.reshape(-1)[0]), x.ndim)
    if get_bool(node, "reverse"):
        x = np.flip(x, along)
    y = np.cumsum(x, along, dtype=x.dtype)
    if get_bool(node, "exclusive"):
        y = y - x
    return (np.flip(y, along) if get_bool(node, "reverse") else y,)


@reference("TopK")
def topk(node: Node, x: Array, k: Array) -> tuple[Array, ...]:
    """Always sorted; of equal elements the first comes first."""
    axis = normalize_axis(get_int(node, "axis"), x.ndim)
    if get_bool(node, "largest"):
        order = x.shape[axis] - 1 - np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
    else:
        order = np.argsort(x, axis, kind="stable")
    order = np.take(order, np.arange(int(k.reshape(-1)[0])), axis)
    return np.take_along_axis(x, order, axis), order
