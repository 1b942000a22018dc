"""Shared values of one-dimensional data: Lloyd's k-means as published, and the exact optimum under a price of bits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastinfer.graph.weight import Array

Floats = npt.NDArray[np.float64]

_ROUNDS = 120
_LAST_ROUNDS = 20  # without splits
_BINS = 512  # that many values are clustered exactly; more are first gathered in bins of one width


def k_means(values: Array, clusters: int) -> Floats:
    """Centroids, ascending, of one-dimensional values: Lloyd's rounds from `clusters` points spread evenly over
    [min, max], which keeps the few large values apart that matter most (Deep Compression's linear initialisation).
    A cluster that loses its values goes to where the squared error is largest."""
    ordered = np.sort(values.astype(np.float64))
    sums, squares = (np.concatenate([[0.0], np.cumsum(terms)]) for terms in (ordered, ordered**2))
    centroids: Floats = np.unique(np.linspace(ordered[0], ordered[-1], clusters))
    for round_ in range(_ROUNDS):
        inner = np.searchsorted(ordered, (centroids[1:] + centroids[:-1]) / 2)
        edges = np.concatenate([[0], inner, [len(ordered)]])
        counts = np.diff(edges)
        filled = counts > 0
        means = np.diff(sums[edges])[filled] / counts[filled]
        if len(means) < clusters and round_ < _ROUNDS - _LAST_ROUNDS:
            errors = np.diff(squares[edges])[filled] - counts[filled] * means**2
            worst = np.argsort(-errors, kind="stable")[: clusters - len(means)]
            lowest = ordered[edges[:-1][filled][worst]]
            means = np.unique(np.concatenate([means, (lowest + means[worst]) / 2]))
        if np.array_equal(means, centroids):
            break
        centroids = means
    return centroids


def optimal_clusters(values: Array, importance: Array, clusters: int, price: float) -> tuple[Floats, Floats]:
    """Centroids, ascending, and the thresholds between them, that minimise over all divisions into at most `clusters`

        sum of importance * (value - centroid)^2 + price * log2(values / values of the centroid)

    the weighted squared error and `price` for each bit of an ideal entropy code: clusters of sorted values are
    intervals, so dynamic programming finds the optimum (Wang and Song 2011; with entropy as in Choi et al. 2017).
    """
    points, weight, count = _gathered(values.astype(np.float64), importance.astype(np.float64))
    zero = np.zeros(1)
    moments = [np.concatenate([zero, np.cumsum(x)]) for x in (weight, weight * points, weight * points**2, count)]
    mass, first, second, held = (m[None, :] - m[:, None] for m in moments)  # of the points i to j - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = first / mass
        bits = held * np.log2(count.sum() / held)
    cost = np.maximum(second - first * centre, 0) + (price * bits if price else 0)
    cost[np.tril_indices(len(cost))] = np.inf
    best = np.full(len(cost), np.inf)  # of the first j points, in so many clusters
    best[0] = 0
    cuts, totals = [], []
    for _ in range(min(clusters, len(points))):
        ways = best[:, None] + cost
        cuts.append(ways.argmin(axis=0))
        best = ways.min(axis=0)
        totals.append(best[-1])
    edges = [len(points)]
    for cut in reversed(cuts[: int(np.argmin(totals)) + 1]):
        edges.insert(0, int(cut[edges[0]]))
    inner = np.array(edges[1:-1], np.int64)
    return centre[edges[:-1], edges[1:]], (points[inner - 1] + points[inner]) / 2


def _gathered(values: Floats, importance: Floats) -> tuple[Floats, Floats, Floats]:
    """Distinct values or the means of bins, ascending; their importance; how many they are."""
    points, place = np.unique(values, return_inverse=True)
    if len(points) > _BINS:
        edges = np.linspace(points[0], points[-1], _BINS + 1)[1:-1]
        _, place = np.unique(np.searchsorted(edges, values), return_inverse=True)
    importance = np.maximum(importance, importance.mean() * 1e-9 or 1)  # every value has some, or none matters
    weight, first, count = (np.bincount(place, x).astype(np.float64) for x in (importance, importance * values, None))
    return first / weight, weight, count
