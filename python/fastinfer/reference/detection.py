"""Non-maximum suppression."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_bool
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference

Array = npt.NDArray[Any]


def _corners(boxes: Array, center_point: bool) -> Array:
    """(..., 4) as low y, low x, high y, high x (or x before y: overlap does not care), from any pair of corners."""
    if center_point:
        centre, half = boxes[..., :2], boxes[..., 2:] / 2
        return np.concatenate([centre - half, centre + half], -1)
    a, b = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(a, b), np.maximum(a, b)], -1)


def _overlap(box: Array, others: Array) -> Array:
    """Intersection over union of one box with many; 0 where the union is empty."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.maximum(high - low, 0), -1)
    areas = np.prod(others[:, 2:] - others[:, :2], -1)
    union = np.prod(box[2:] - box[:2]) + areas - common
    return np.where(union > 0, common / np.where(union > 0, union, 1), 0)


def _suppress(boxes: Array, scores: Array, most: int, overlap: float, least_score: float) -> list[int]:
    """The boxes kept, best first; of equal scores the first box."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > least_score]
    kept: list[int] = []
    while order.size and len(kept) < most:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        order = order[_overlap(boxes[best], boxes[order]) <= overlap]
    return kept


@reference("NonMaxSuppression")
def non_max_suppression(
    node: Node,
    boxes: Array,
    scores: Array,
    most: Array | None = None,
    overlap: Array | None = None,
    least_score: Array | None = None,
) -> tuple[Array, ...]:
    """(kept, 3) of batch, class and box: by batch and class, best first."""
    limit = int(most.reshape(-1)[0]) if most is not None else 0
    threshold = float(overlap.reshape(-1)[0]) if overlap is not None else 0.0
    floor = float(least_score.reshape(-1)[0]) if least_score is not None else -np.inf
    corners = _corners(boxes, get_bool(node, "center_point_box"))
    found = [
        (batch, label, box)
        for batch in range(scores.shape[0])
        for label in range(scores.shape[1])
        for box in _suppress(corners[batch], scores[batch, label], limit, threshold, floor)
    ]
    return (np.array(found, np.int64).reshape(-1, 3),)
