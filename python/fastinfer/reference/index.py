"""Gathering, scattering, and what depends on data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_int, get_optional_int, get_str
from fastinfer.graph.geometry import normalize_axis
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference

Array = npt.NDArray[Any]

_ACCUMULATE: dict[str, Any] = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


@reference("Gather")
def gather(node: Node, data: Array, indices: Array) -> tuple[Array, ...]:
    return (np.take(data, indices, get_int(node, "axis")),)


@reference("GatherElements")
def gather_elements(node: Node, data: Array, indices: Array) -> tuple[Array, ...]:
    axis = normalize_axis(get_int(node, "axis"), data.ndim)
    grid: list[Array] = list(np.indices(indices.shape, sparse=True))
    grid[axis] = indices
    return (data[tuple(grid)],)


@reference("GatherND")
def gather_nd(node: Node, data: Array, indices: Array) -> tuple[Array, ...]:
    """Each tuple of indices, the last axis of `indices`, picks a slice of its batch's data."""
    batch = get_int(node, "batch_dims")
    picked = indices.shape[batch:-1]
    grid: list[Array] = list(np.indices(indices.shape[:batch], sparse=True))
    batches = [g.reshape(*g.shape, *(1,) * len(picked)) for g in grid]
    index = (*batches, *np.moveaxis(indices, -1, 0))
    return (data[index],)


def _scatter(node: Node, data: Array, place: Any, updates: Array) -> tuple[Array, ...]:
    y = data.copy()
    reduction = get_str(node, "reduction")
    if reduction == "none":
        y[place] = updates
    else:
        _ACCUMULATE[reduction].at(y, place, updates)
    return (y,)


@reference("ScatterElements")
def scatter_elements(node: Node, data: Array, indices: Array, updates: Array) -> tuple[Array, ...]:
    grid: list[Array] = list(np.indices(indices.shape, sparse=True))
    grid[normalize_axis(get_int(node, "axis"), data.ndim)] = indices
    return _scatter(node, data, tuple(grid), updates)


@reference("ScatterND")
def scatter_nd(node: Node, data: Array, indices: Array, updates: Array) -> tuple[Array, ...]:
    return _scatter(node, data, tuple(np.moveaxis(indices, -1, 0)), updates)


@reference("OneHot")
def one_hot(node: Node, indices: Array, depth: Array, values: Array) -> tuple[Array, ...]:
    """values[1] where the index is, values[0] elsewhere; an index outside of [-depth, depth) is nowhere."""
    size = int(depth.reshape(-1)[0])
    axis = normalize_axis(get_int(node, "axis"), indices.ndim + 1)
    wrapped = np.expand_dims(np.where(indices < 0, indices + size, indices), axis)
    positions = np.arange(size).reshape(-1, *(1,) * (indices.ndim - axis))
    return (np.where(wrapped == positions, values[1], values[0]),)


@reference("NonZero")
def nonzero(node: Node, x: Array) -> tuple[Array, ...]:
    """(rank, count): the indices of the elements that are not zero, in row-major order."""
    return (np.array(np.nonzero(np.atleast_1d(x)), np.int64).reshape(-1 if x.ndim else 0, np.count_nonzero(x)),)


@reference("Compress")
def compress(node: Node, x: Array, condition: Array) -> tuple[Array, ...]:
    return (np.compress(condition, x, get_optional_int(node, "axis")),)
