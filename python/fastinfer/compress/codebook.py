"""Weights in Deep Compression's form: codes of shared values, and relative indices with fillers (Han et al. 2016)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastinfer.compress.clustering import k_means
from fastinfer.graph.weight import Array, SparseCodebookWeight, pack


def share_weights(array: Array, bits: int, index_bits: int, huffman: bool) -> SparseCodebookWeight:
    """The array's nonzeros as codes of `bits` into at most 2**bits - 1 shared values, with gaps of `index_bits`.

    Code 0 is the filler's alone. An array that needs no more values than the codebook has keeps them exactly.
    """
    values = array[array != 0]
    centroids = np.unique(values)
    if len(centroids) > 2**bits - 1:
        centroids = np.unique(k_means(values, 2**bits - 1).astype(np.float32))
    labels = np.full(array.shape, -1)
    labels[array != 0] = np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)
    return coded_weight(labels, centroids, bits, index_bits, huffman)


def coded_weight(labels: Array, centroids: Array, bits: int, index_bits: int, huffman: bool) -> SparseCodebookWeight:
    """The weight of centroids[labels], where labels of -1 are zeros that are not stored; of the labels' shape."""
    flat = labels.ravel()
    positions = np.flatnonzero(flat >= 0)
    codes, gaps = with_fillers(positions, (flat[positions] + 1).astype(np.uint8), index_bits)
    codebook = np.append(np.float32(0), centroids).astype(np.float32)
    packed = pack(codes, bits), pack(gaps, index_bits)
    return SparseCodebookWeight(labels.shape, codebook, *packed, bits, index_bits, len(codes), huffman)


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
