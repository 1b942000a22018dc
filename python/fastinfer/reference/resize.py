"""Resize, one axis after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_float, get_str
from fastinfer.graph.geometry import (
    ResizeGeometry,
    axis_coordinates,
    interpolation_matrix,
    nearest_indices,
    resize_geometry,
)
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference

Array = npt.NDArray[Any]


def _resize_axis(node: Node, x: Array, axis: int, geometry: ResizeGeometry) -> Array:
    length = x.shape[axis]
    source = axis_coordinates(node, geometry, axis, length)
    if get_str(node, "mode") == "nearest":
        y = np.take(x, nearest_indices(node, source, length), axis)
    else:
        matrix = interpolation_matrix(node, source, length, geometry.scales[axis]).astype(x.dtype)
        y = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    if get_str(node, "coordinate_transformation_mode") == "tf_crop_and_resize":
        outside = (source < 0) | (source > length - 1)
        outside = outside.reshape(-1, *(1,) * (x.ndim - 1 - axis))
        y = np.where(outside, x.dtype.type(get_float(node, "extrapolation_value")), y)
    return y


@reference("Resize", widen=True)
def resize(
    node: Node, x: Array, roi: Array | None = None, scales: Array | None = None, sizes: Array | None = None
) -> tuple[Array, ...]:
    geometry = resize_geometry(node, x.shape, *(None if v is None else v.tolist() for v in (roi, scales, sizes)))
    return (resize_by(node, x, geometry),)


def resize_by(node: Node, x: Array, geometry: ResizeGeometry) -> Array:
    """Resize to a geometry that is resolved already. Integers are interpolated in float32 and truncated."""
    y = x
    if x.dtype.kind != "f" and get_str(node, "mode") != "nearest":
        y = x.astype(np.float32)
    crops = get_str(node, "coordinate_transformation_mode") == "tf_crop_and_resize"
    for axis, size in enumerate(geometry.size):
        if size != x.shape[axis] or geometry.scales[axis] != 1 or crops:
            y = _resize_axis(node, y, axis, geometry)
    return y.astype(x.dtype, copy=False)
