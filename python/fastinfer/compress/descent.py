"""Codes of a layer's weights that keep its outputs, not its weights: coordinate descent on the squared output error.

For rows w of weights (a filter each) and rows q of centroids, the error of the outputs over inputs y, when the layer
should give w x, is E[(w x - q y)^2] = q H q - 2 q t + const with H = E[y y'] and t = w E[x y']. One code after the
other takes the centroid that is best given all the others (QuantEase, Behdad et al. 2023), each bit of its Huffman code
at a price, as video coders choose theirs, or becomes zero and is not stored, if that is better still. Between the
passes the centroids move to their least-squares optimum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastinfer.compress.clustering import Floats, optimal_clusters

_PASSES = 3

Labels = npt.NDArray[np.int64]


def codes_for_outputs(
    weights: Floats, moments: Floats, targets: Floats, clusters: int, price: float
) -> tuple[Labels, Floats]:
    """Labels (rows, K), -1 where the weight is zero or becomes it, and centroids, ascending.

    weights, targets: (rows, K); moments: (groups, K, K), positive definite, of the groups that the rows make up in
    turn. price: of one bit, in the unit of the error.
    """
    group = np.arange(len(weights)) // (len(weights) // len(moments))
    stored = weights != 0
    diagonal = np.diagonal(moments, axis1=1, axis2=2)
    centroids, thresholds = optimal_clusters(weights[stored], diagonal[group][stored], clusters, price)
    labels: Labels = np.where(stored, np.searchsorted(thresholds, weights), -1)
    for _ in range(_PASSES):
        kept = labels >= 0
        values = np.where(kept, centroids[labels], 0.0)
        candidates = np.append(centroids, 0.0)
        costs = price * _bits(np.bincount(labels[kept], minlength=len(centroids)), labels.size)
        for k in np.argsort(-diagonal.mean(axis=0), kind="stable"):
            at = np.flatnonzero(stored[:, k])
            of, own = values[at], diagonal[group[at], k]
            given = of @ moments[0, :, k] if len(moments) == 1 else (of * moments[group[at], :, k]).sum(axis=1)
            wanted = of[:, k] + (targets[at, k] - given) / own
            best = (own[:, None] * (wanted[:, None] - candidates) ** 2 + costs).argmin(axis=1)
            values[at, k] = candidates[best]
            labels[at, k] = np.where(best < len(centroids), best, -1)
        labels, centroids = _refitted(labels, centroids, moments, targets, group)
    return labels, centroids


def _bits(counts: Labels, size: int) -> Floats:
    """Of storing a value of each centroid, by their counts among `size` elements; of zero, last. A position costs what
    one more adds to an ideal code of the positions."""
    total = max(1, counts.sum())
    position = np.log2(max(0.5, size - total) / total)
    return np.append(np.log2(total / np.maximum(counts, 0.5)) + position, 0.0)


def _refitted(
    labels: Labels, centroids: Floats, moments: Floats, targets: Floats, group: Labels
) -> tuple[Labels, Floats]:
    """The centroids that are best for the labels, in ascending order, held to where they are where nothing tells."""
    count = len(centroids)
    system, right = np.zeros((count, count)), np.zeros(count)
    for row, target, moment in zip(labels, targets, (moments[g] for g in group), strict=True):
        at = np.flatnonzero(row >= 0)
        chosen = np.eye(count)[row[at]]
        system += chosen.T @ (moment[np.ix_(at, at)] @ chosen)
        right += chosen.T @ target[at]
    hold = 1e-6 * np.trace(system) / max(1, count) + np.finfo(np.float64).tiny
    moved = np.linalg.solve(system + hold * np.eye(count), right + hold * centroids)
    order = np.argsort(moved, kind="stable")
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    return np.where(labels >= 0, rank[labels], -1), moved[order]
