"""Shape arithmetic that inference, the reference and lowering share."""

from fastinfer.graph.geometry.axes import (
    broadcast,
    broadcasts_to,
    expand_shape,
    matmul_shape,
    normalize_axes,
    normalize_axis,
    pad_amounts,
    reduced_shape,
    reshape_target,
    slice_bounds,
    split_sizes,
    squeezed_shape,
    unsqueezed_shape,
)
from fastinfer.graph.geometry.interpolation import axis_coordinates, interpolation_matrix, nearest_indices
from fastinfer.graph.geometry.resize import ResizeGeometry, resize_geometry
from fastinfer.graph.geometry.window import Window, conv_transpose_window, conv_window, groups_of, pool_window

__all__ = [
    "ResizeGeometry",
    "Window",
    "axis_coordinates",
    "broadcast",
    "broadcasts_to",
    "conv_transpose_window",
    "conv_window",
    "expand_shape",
    "groups_of",
    "interpolation_matrix",
    "matmul_shape",
    "nearest_indices",
    "normalize_axes",
    "normalize_axis",
    "pad_amounts",
    "pool_window",
    "reduced_shape",
    "reshape_target",
    "resize_geometry",
    "slice_bounds",
    "split_sizes",
    "squeezed_shape",
    "unsqueezed_shape",
]
