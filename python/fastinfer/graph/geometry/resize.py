"""Resize: the output's size and the scales by which coordinates are mapped, from roi, scales, sizes and axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastinfer.errors import ShapeError
from fastinfer.graph.attributes import get_ints, get_str
from fastinfer.graph.geometry.axes import normalize_axes
from fastinfer.graph.ir import Node

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ResizeGeometry:
    """One entry per axis. roi_begin and roi_end are normalised coordinates, 0 and 1 unless tf_crop_and_resize crops."""

    size: Shape
    scales: tuple[float, ...]
    roi_begin: tuple[float, ...]
    roi_end: tuple[float, ...]


def resize_geometry(
    node: Node,
    x: Shape,
    roi: Sequence[float] | None,
    scales: Sequence[float] | None,
    sizes: Sequence[int] | None,
) -> ResizeGeometry:
    """Resolve a Resize of an input of shape x; exactly one of scales and sizes must be there and not empty."""
    rank = len(x)
    given = get_ints(node, "axes")
    axes = normalize_axes(given, rank) if given is not None else tuple(range(rank))
    if bool(scales) == bool(sizes):
        raise ShapeError("Resize wants either scales or sizes", node=node.label())
    begins, ends = [0.0] * rank, [1.0] * rank
    crop = node.attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize"
    if crop:
        _count(node, "roi", roi or (), 2 * len(axes))
        assert roi is not None
        for i, axis in enumerate(axes):
            begins[axis], ends[axis] = float(roi[i]), float(roi[len(axes) + i])
    size, factors = list(x), [1.0] * rank
    if scales:
        _count(node, "scales", scales, len(axes))
        for axis, scale in zip(axes, scales, strict=True):
            if not 0 < scale < math.inf:
                raise ShapeError(f"Resize wants positive scales, got {list(scales)}", node=node.label())
            factors[axis] = float(scale)
            # float32, as onnxruntime and ONNX's own shape inference compute it
            size[axis] = math.floor(np.float32(x[axis]) * np.float32(ends[axis] - begins[axis]) * np.float32(scale))
    else:
        assert sizes is not None
        _count(node, "sizes", sizes, len(axes))
        _fit(node, x, axes, sizes, size, factors)
    if any(n < 0 for n in size) or any(n == 0 < m for n, m in zip(size, x, strict=True)):
        raise ShapeError(f"Resize of {x} to {tuple(size)} leaves nothing", node=node.label())
    return ResizeGeometry(tuple(size), tuple(factors), tuple(begins), tuple(ends))


def _fit(node: Node, x: Shape, axes: Shape, sizes: Sequence[int], size: list[int], factors: list[float]) -> None:
    """Fill in size and factors from the sizes asked for, by the policy on the aspect ratio."""
    policy = get_str(node, "keep_aspect_ratio_policy")
    if any(n < 0 for n in sizes) or any(x[axis] == 0 < n for axis, n in zip(axes, sizes, strict=True)):
        raise ShapeError(f"cannot resize {x} to {list(sizes)}", node=node.label())
    ratios = [n / x[axis] if x[axis] else 1.0 for axis, n in zip(axes, sizes, strict=True)]
    if policy != "stretch":
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        ratios = [ratio] * len(axes)
        sizes = [math.floor(ratio * x[axis] + 0.5) for axis in axes]
    for axis, n, ratio in zip(axes, sizes, ratios, strict=True):
        size[axis], factors[axis] = int(n), ratio


def _count(node: Node, what: str, values: Sequence[float], wanted: int) -> None:
    if len(values) != wanted:
        raise ShapeError(f"Resize wants {wanted} {what}, got {len(values)}", node=node.label())
