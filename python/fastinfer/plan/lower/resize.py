"""Resize. Pictures take the NHWC kernels; everything else goes axis by axis: a gather, or a product with a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastinfer.errors import UnsupportedOperatorError
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import (
    ResizeGeometry,
    axis_coordinates,
    interpolation_matrix,
    nearest_indices,
    resize_geometry,
)
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import DenseWeight
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.registry import lower
from fastinfer.plan.lower.view import View

_CONSTANT_LIMIT = 1 << 26  # elements of an axis' index list or matrix


@lower("Resize")
def _resize(node: Node, builder: Builder) -> None:
    kind = builder.type(node.inputs[0])
    crops = attribute(node, "coordinate_transformation_mode") == "tf_crop_and_resize"
    roi = builder.known(node, 1) if crops else None
    scales = builder.known(node, 2)
    geometry = resize_geometry(
        node,
        kind.shape,
        None if roi is None else [float(v) for v in roi.reshape(-1)],
        None if scales is None else [float(v) for v in scales.reshape(-1)],
        builder.ints(node, 3),
    )
    axes = [i for i, n in enumerate(geometry.size) if n != kind.shape[i] or geometry.scales[i] != 1 or crops]
    if not axes:
        builder.define(node.outputs[0], builder.read(node.inputs[0]))
        return
    picture = kind.dtype is DType.F32 and len(kind.shape) in (3, 4) and geometry.size[:2] == kind.shape[:2]
    if picture and attribute(node, "mode") != "cubic":
        _resize_picture(node, builder, geometry)
        return
    refused = None
    if crops:
        refused = f"tf_crop_and_resize of {kind.dtype.value} {kind.shape} in mode {attribute(node, 'mode')}"
    elif attribute(node, "mode") != "nearest" and kind.dtype is not DType.F32:
        refused = f"mode {attribute(node, 'mode')} on {kind.dtype.value}"
    if refused:
        raise UnsupportedOperatorError(f"Resize does not do {refused}", operators=("Resize",), node=node.label())
    _resize_by_axes(node, builder, geometry, axes)


def _resize_picture(node: Node, builder: Builder, geometry: ResizeGeometry) -> None:
    """Height and width, nearest or linear."""
    extra = 4 - len(geometry.size)
    coordinates = attribute(node, "coordinate_transformation_mode")
    attributes: dict[str, Any] = {
        "mode": attribute(node, "mode"),
        "coordinate_mode": coordinates,
        "nearest_mode": attribute(node, "nearest_mode"),
        "scales": [*(1.0,) * extra, *geometry.scales[2:]],
        "antialias": bool(attribute(node, "antialias")),
        "exclude_outside": bool(attribute(node, "exclude_outside")),
        "extrapolation_value": float(attribute(node, "extrapolation_value")),
    }
    if coordinates == "tf_crop_and_resize":
        begin = [*(0.0,) * extra, *geometry.roi_begin[2:]]
        attributes["roi"] = [*begin, *(1.0,) * extra, *geometry.roi_end[2:]]
    builder.step("resize", [builder.read_image(node.inputs[0])], [builder.output_image(node.outputs[0])], **attributes)


def _resize_by_axes(node: Node, builder: Builder, geometry: ResizeGeometry, axes: list[int]) -> None:
    """One step an axis: y = M x along it. The rows of M are what an output position is made of."""
    x = builder.read(node.inputs[0])
    for axis in axes:
        length = x.shape[axis]
        rows = 1 if attribute(node, "mode") == "nearest" else length
        if geometry.size[axis] * rows > _CONSTANT_LIMIT:
            reason = f"Resize does not do an axis from {length} to {geometry.size[axis]}"
            raise UnsupportedOperatorError(reason, operators=("Resize",), node=node.label())
        source = axis_coordinates(node, geometry, axis, length)
        name = f"{builder.label}[{axis}]"
        if attribute(node, "mode") == "nearest":
            indices = builder.constant_array(nearest_indices(node, source, length))
            y = builder.new(x.dtype, (*x.shape[:axis], geometry.size[axis], *x.shape[axis + 1 :]))
            builder.step("gather", [x, indices], [y], name=name, axis=axis)
            x = y
        else:
            matrix = interpolation_matrix(node, source, length, geometry.scales[axis])
            x = _product_along(builder, x, axis, matrix.T.astype(np.float32), name)
    builder.copy(x, builder.output(node.outputs[0]))


def _product_along(builder: Builder, x: View, axis: int, matrix: np.ndarray, name: str) -> View:
    """x with the axis last, times the matrix (length, size), the axis put back."""
    order = [i for i in range(x.rank) if i != axis] + [axis]
    rows = views.permute(x, order)
    product = builder.new(x.dtype, (*rows.shape[:-1], matrix.shape[1]))
    weight = DenseWeight(np.ascontiguousarray(matrix))
    lhs, target = (views.insert_axis(v, 0) if v.rank == 1 else v for v in (rows, product))
    builder.step("matmul", [lhs, None, None, None], [target], [weight, None], name=name)
    return views.permute(product, [order.index(i) for i in range(x.rank)])
