"""Operators that move elements and leave them as they are. Where NumPy can, the result is a view."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_bool, get_int, get_ints, get_str
from fastinfer.graph.geometry import (
    expand_shape,
    pad_amounts,
    reshape_target,
    slice_bounds,
    split_sizes,
    squeezed_shape,
    unsqueezed_shape,
)
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference

Array = npt.NDArray[Any]


def ints(array: Array) -> list[int]:
    """The elements of an array of at most one axis."""
    return list(array.reshape(-1).tolist())


def _optional_ints(array: Array | None) -> list[int] | None:
    return None if array is None else ints(array)


@reference("Reshape")
def reshape(node: Node, x: Array, shape: Array) -> tuple[Array, ...]:
    return (x.reshape(reshape_target(x.shape, ints(shape), get_bool(node, "allowzero"))),)


@reference("Flatten")
def flatten(node: Node, x: Array) -> tuple[Array, ...]:
    axis = get_int(node, "axis")
    axis = axis + x.ndim if axis < 0 else axis
    return (x.reshape(prod(x.shape[:axis]), prod(x.shape[axis:])),)


@reference("Squeeze")
def squeeze(node: Node, x: Array, axes: Array | None = None) -> tuple[Array, ...]:
    return (x.reshape(squeezed_shape(x.shape, _optional_ints(axes))),)


@reference("Unsqueeze")
def unsqueeze(node: Node, x: Array, axes: Array) -> tuple[Array, ...]:
    return (x.reshape(unsqueezed_shape(x.shape, ints(axes))),)


@reference("Transpose")
def transpose(node: Node, x: Array) -> tuple[Array, ...]:
    return (x.transpose(get_ints(node, "perm")),)


@reference("Expand")
def expand(node: Node, x: Array, shape: Array) -> tuple[Array, ...]:
    return (np.broadcast_to(x, expand_shape(x.shape, ints(shape))),)


@reference("Tile")
def tile(node: Node, x: Array, repeats: Array) -> tuple[Array, ...]:
    return (np.tile(x, ints(repeats)),)


@reference("Concat")
def concat(node: Node, *arrays: Array) -> tuple[Array, ...]:
    return (np.concatenate(arrays, get_int(node, "axis")),)


@reference("Split")
def split(node: Node, x: Array, sizes: Array | None = None) -> tuple[Array, ...]:
    axis = get_int(node, "axis")
    parts = split_sizes(x.shape[axis], len(node.outputs), _optional_ints(sizes))
    return tuple(np.split(x, np.cumsum(parts[:-1]), axis))


@reference("Slice")
def slice_(
    node: Node, x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None
) -> tuple[Array, ...]:
    bounds = slice_bounds(x.shape, ints(starts), ints(ends), _optional_ints(axes), _optional_ints(steps))
    # A stop before the first element is None: -1 would count from the end.
    stops = [start + count * step for start, count, step in bounds]
    return (x[tuple(slice(b[0], None if e < 0 else e, b[2]) for b, e in zip(bounds, stops, strict=True))],)


@reference("Pad")
def pad(node: Node, x: Array, pads: Array, value: Array | None = None, axes: Array | None = None) -> tuple[Array, ...]:
    """Negative pads crop, and do so before the others add."""
    begins, ends = pad_amounts(x.ndim, ints(pads), _optional_ints(axes))
    x = x[tuple(slice(max(-b, 0), n - max(-e, 0)) for n, b, e in zip(x.shape, begins, ends, strict=True))]
    widths = [(max(b, 0), max(e, 0)) for b, e in zip(begins, ends, strict=True)]
    mode = get_str(node, "mode")
    if mode == "constant":
        return (np.pad(x, widths, constant_values=0 if value is None else value.reshape(-1)[0]),)
    return (np.pad(x, widths, mode),)  # type: ignore[call-overload]


@reference("DepthToSpace")
def depth_to_space(node: Node, x: Array) -> tuple[Array, ...]:
    """DCR: the block's rows and columns come before the channel in the depth; CRD: after it."""
    n, c, h, w = x.shape
    b = get_int(node, "blocksize")
    if get_str(node, "mode") == "DCR":
        y = x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(n, c // (b * b), b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    return (y.reshape(n, c // (b * b), h * b, w * b),)


@reference("SpaceToDepth")
def space_to_depth(node: Node, x: Array) -> tuple[Array, ...]:
    n, c, h, w = x.shape
    b = get_int(node, "blocksize")
    order = (0, 3, 5, 1, 2, 4) if get_str(node, "mode") == "DCR" else (0, 1, 3, 5, 2, 4)
    return (x.reshape(n, c, h // b, b, w // b, b).transpose(order).reshape(n, c * b * b, h // b, w // b),)


@reference("Trilu")
def trilu(node: Node, x: Array, k: Array | None = None) -> tuple[Array, ...]:
    keep = np.triu if get_bool(node, "upper") else np.tril
    return (keep(x, 0 if k is None else int(k.reshape(-1)[0])),)
