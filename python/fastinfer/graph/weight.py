"""Weights in the form they are stored in. Only the core's prepare decodes them, to what a kernel packs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.dtype import DType

Array = npt.NDArray[Any]


@dataclass(eq=False, slots=True)
class DenseWeight:
    """Every element, row-major (OIHW for convolutions). The array may be a view of a mapped file: never write to it."""

    array: Array
    form: str = field(default="dense", init=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> DType:
        return DType.of(self.array.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes as stored."""
        return int(self.array.nbytes)

    def dense(self) -> Array:
        """The elements as an array of `shape`."""
        return self.array


@dataclass(eq=False, slots=True)
class SparseCodebookWeight:
    """Deep Compression's form (Han et al. 2016): entries of a code (into a codebook) and a gap to the entry before.

    Entry i stands at position sum(gaps[:i + 1] + 1) - 1 of the flattened tensor and has the value codebook[codes[i]];
    an entry of code 0 with the largest gap (15) is a filler that writes zero.
    """

    shape: tuple[int, ...]
    codebook: npt.NDArray[np.float32]  # 256
    codes: npt.NDArray[np.uint8]  # one per entry
    gaps: npt.NDArray[np.uint8]  # ceil(entries / 2) bytes: two 4-bit gaps each, low nibble first
    form: str = field(default="sparse_codebook", init=False)

    @property
    def dtype(self) -> DType:
        return DType.F32

    @property
    def nbytes(self) -> int:
        return int(self.codebook.nbytes + self.codes.nbytes + self.gaps.nbytes)

    def dense(self) -> Array:
        count = len(self.codes)
        gaps = np.empty(2 * len(self.gaps), np.uint8)
        gaps[0::2] = self.gaps & 15
        gaps[1::2] = self.gaps >> 4
        gaps = gaps[:count]
        positions = np.cumsum(gaps.astype(np.int64) + 1) - 1
        values = self.codebook[self.codes]
        values[(self.codes == 0) & (gaps == 15)] = 0
        flat = np.zeros(math.prod(self.shape), np.float32)
        flat[positions] = values
        return flat.reshape(self.shape)


Weight = DenseWeight | SparseCodebookWeight
