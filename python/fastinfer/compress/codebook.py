"""Shared weights by k-means, and their relative indices with fillers (Han et al., Deep Compression, 2016)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastinfer.graph.weight import Array, SparseCodebookWeight, pack

_ROUNDS = 120
_LAST_ROUNDS = 20  # without splits


def k_means(values: Array, clusters: int) -> npt.NDArray[np.float64]:
    """Centroids, ascending, of one-dimensional values: Lloyd's rounds from `clusters` points spread evenly over
    [min, max], which keeps the few large values apart that matter most. A cluster that loses its values goes to where
    the squared error is largest."""
    ordered = np.sort(values.astype(np.float64))
    sums, squares = (np.concatenate([[0.0], np.cumsum(terms)]) for terms in (ordered, ordered**2))
    centroids: npt.NDArray[np.float64] = np.unique(np.linspace(ordered[0], ordered[-1], clusters))
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


def share_weights(array: Array, bits: int, index_bits: int, huffman: bool) -> SparseCodebookWeight:
    """The array's nonzeros as codes of `bits` into at most 2**bits - 1 shared values, with gaps of `index_bits`.

    Code 0 is the filler's alone. An array that needs no more values than the codebook has keeps them exactly.
    """
    flat = array.ravel()
    positions = np.flatnonzero(flat)
    values = flat[positions]
    centroids = np.unique(values)
    if len(centroids) > 2**bits - 1:
        centroids = np.unique(k_means(values, 2**bits - 1).astype(np.float32))
    nearest = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)
    codes, gaps = with_fillers(positions, (nearest + 1).astype(np.uint8), index_bits)
    codebook = np.append(np.float32(0), centroids).astype(np.float32)
    packed = pack(codes, bits), pack(gaps, index_bits)
    return SparseCodebookWeight(array.shape, codebook, *packed, bits, index_bits, len(codes), huffman)


def with_fillers(
    positions: Array, codes: npt.NDArray[np.uint8], index_bits: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Codes and gaps of entries at ascending positions; a gap that does not fit is preceded by fillers."""
    step = 1 << index_bits  # positions that a filler goes on
    between = np.diff(positions, prepend=-1) - 1
    places = np.cumsum(between // step + 1) - 1  # of the entries among all, fillers included
    count = int(places[-1]) + 1 if len(places) else 0
    all_codes, gaps = np.zeros(count, np.uint8), np.full(count, step - 1, np.uint8)
    all_codes[places], gaps[places] = codes, between % step
    return all_codes, gaps
