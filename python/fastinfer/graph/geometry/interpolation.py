"""Resize along one axis: coordinates, and the indices or the matrix that they amount to.

Coordinates are float32, as onnxruntime computes them, so that nearest neighbours are the same ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_bool, get_float, get_str
from fastinfer.graph.geometry.resize import ResizeGeometry
from fastinfer.graph.ir import Node

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


def axis_coordinates(node: Node, geometry: ResizeGeometry, axis: int, length: int) -> Floats:
    """For each output position along the axis the position in the input of that length that it shows, float32."""
    mode = get_str(node, "coordinate_transformation_mode")
    size, scale = geometry.size[axis], geometry.scales[axis]
    return _coordinates(mode, size, length, scale, geometry.roi_begin[axis], geometry.roi_end[axis])


def _coordinates(mode: str, size: int, length: int, scale: float, begin: float, end: float) -> Floats:
    x = np.arange(size, dtype=np.float32)
    factor, half, last = np.float32(scale), np.float32(0.5), np.float32(length - 1)
    source: Floats
    if mode == "asymmetric":
        source = x / factor
    elif mode == "align_corners":
        source = x * last / np.float32(max(size - 1, 1))
    elif mode == "tf_half_pixel_for_nn":
        source = (x + half) / factor
    elif mode == "tf_crop_and_resize":
        low, high = np.float32(begin), np.float32(end)
        if size == 1:
            source = x + half * (low + high) * last
        else:
            source = low * last + x * (high - low) * last / np.float32(size - 1)
    elif mode == "pytorch_half_pixel" and size == 1:
        source = x
    else:
        source = (x + half) / factor - half
        if mode == "half_pixel_symmetric":
            shown = np.float32(size) / (factor * np.float32(length))
            source = source + np.float32(length) * half * (1 - shown)
    return source


def _round(mode: str, x: Floats) -> Array:
    if mode == "floor":
        return np.asarray(np.floor(x))
    if mode == "ceil":
        return np.asarray(np.ceil(x))
    if mode == "round_prefer_floor":
        return np.asarray(np.ceil(x - np.float32(0.5)))
    return np.asarray(np.floor(x + np.float32(0.5)))


def nearest_indices(node: Node, source: Floats, length: int) -> npt.NDArray[np.int64]:
    """The input positions that mode nearest takes for these coordinates."""
    return np.clip(_round(get_str(node, "nearest_mode"), source).astype(np.int64), 0, length - 1)


def _linear_kernel(t: Array) -> Array:
    return np.asarray(np.maximum(1 - np.abs(t), 0))


def _cubic_kernel(t: Array, a: float) -> Array:
    """Keys 1981: piecewise cubic of support 4."""
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


def interpolation_matrix(node: Node, source: Floats, length: int, scale: float) -> Array:
    """The matrix (size, length) of interpolation: row i says of what output i is made. Rows sum to 1."""
    cubic = get_str(node, "mode") == "cubic"
    stretch = min(scale, 1.0) if get_bool(node, "antialias") else 1.0
    reach = int(np.ceil((2 if cubic else 1) / stretch))
    taps = np.floor(source)[:, None].astype(np.int64) + np.arange(1 - reach, reach + 1)
    distance = (taps - source[:, None].astype(np.float64)) * stretch
    weights = _cubic_kernel(distance, get_float(node, "cubic_coeff_a")) if cubic else _linear_kernel(distance)
    if get_bool(node, "exclude_outside"):
        weights = np.where((taps >= 0) & (taps < length), weights, 0)
    weights = weights / weights.sum(1, keepdims=True)
    matrix = np.zeros((len(source), length))
    rows = np.broadcast_to(np.arange(len(source))[:, None], taps.shape)
    np.add.at(matrix, (rows, np.clip(taps, 0, length - 1)), weights)
    return matrix
