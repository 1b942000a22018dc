"""Shared weights: each element is an index into a codebook of few values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fastinfer.graph.dtype import DType
from fastinfer.graph.weight.dense import Array
from fastinfer.graph.weight.packing import Bytes, packed_bytes, unpack


@dataclass(eq=False, slots=True)
class CodebookWeight:
    """Every element's code (an index into the codebook), row-major, `code_bits` bits each (1 to 8)."""

    shape: tuple[int, ...]
    codebook: npt.NDArray[np.float32]  # at most 2**code_bits values
    codes: Bytes  # packed
    code_bits: int = 8
    huffman: bool = False  # whether a file holds the codes entropy-coded
    form: str = field(default="codebook", init=False)

    @property
    def dtype(self) -> DType:
        return DType.F32

    @property
    def nbytes(self) -> int:
        return int(self.codebook.nbytes + self.codes.nbytes)

    @property
    def stored(self) -> int:
        return math.prod(self.shape)

    def indices(self) -> Bytes:
        """The code of each element."""
        return unpack(self.codes, self.stored, self.code_bits)

    def dense(self) -> Array:
        return self.codebook[self.indices()].reshape(self.shape)

    def fault(self) -> str | None:
        return _codes_fault(self.codes, self.stored, self.code_bits, self.codebook)


@dataclass(eq=False, slots=True)
class SparseCodebookWeight:
    """Deep Compression's form (Han et al. 2016): entries of a code (into a codebook) and a gap to the entry before.

    Entry i stands at position sum(gaps[:i + 1] + 1) - 1 of the flattened tensor and has the value codebook[codes[i]];
    an entry of code 0 with the largest gap (2**index_bits - 1) is a filler that writes zero.
    """

    shape: tuple[int, ...]
    codebook: npt.NDArray[np.float32]  # at most 2**code_bits values
    codes: Bytes  # packed, code_bits each
    gaps: Bytes  # packed, index_bits each (of 4 bits: the low nibble first)
    code_bits: int = 8
    index_bits: int = 4
    count: int = -1  # entries; -1: one for each byte of codes
    huffman: bool = False  # whether a file holds codes and gaps entropy-coded
    form: str = field(default="sparse_codebook", init=False)

    def __post_init__(self) -> None:
        if self.count < 0:
            self.count = len(self.codes) * 8 // self.code_bits

    @property
    def dtype(self) -> DType:
        return DType.F32

    @property
    def nbytes(self) -> int:
        return int(self.codebook.nbytes + self.codes.nbytes + self.gaps.nbytes)

    @property
    def stored(self) -> int:
        return self.count

    def indices(self) -> Bytes:
        """The code of each entry."""
        return unpack(self.codes, self.count, self.code_bits)

    def distances(self) -> Bytes:
        """The gap before each entry."""
        return unpack(self.gaps, self.count, self.index_bits)

    def dense(self) -> Array:
        codes, gaps = self.indices(), self.distances()
        positions = np.cumsum(gaps.astype(np.int64) + 1) - 1
        values = self.codebook[codes]
        values[(codes == 0) & (gaps == 2**self.index_bits - 1)] = 0
        flat = np.zeros(math.prod(self.shape), np.float32)
        flat[positions] = values
        return flat.reshape(self.shape)

    def fault(self) -> str | None:
        if not 1 <= self.index_bits <= 8:
            return f"gaps of {self.index_bits} bits"
        found = _codes_fault(self.codes, self.count, self.code_bits, self.codebook)
        if found:
            return found
        if len(self.gaps) != packed_bytes(self.count, self.index_bits):
            return f"{len(self.gaps)} bytes of gaps for {self.count} entries of {self.index_bits} bits"
        end = self.count + int(self.distances().sum(dtype=np.int64))
        if end > math.prod(self.shape):
            return f"the last stored entry lies at position {end - 1} of {math.prod(self.shape)}"
        return None


def _codes_fault(codes: Bytes, count: int, bits: int, codebook: npt.NDArray[np.float32]) -> str | None:
    if not 1 <= bits <= 8:
        return f"codes of {bits} bits"
    if not 0 < len(codebook) <= 2**bits:
        return f"a codebook of {len(codebook)} values for codes of {bits} bits"
    if len(codes) != packed_bytes(count, bits):
        return f"{len(codes)} bytes of codes for {count} entries of {bits} bits"
    if not np.isfinite(codebook).all():
        return "the codebook holds an infinity or a NaN"
    if len(codebook) < 2**bits and count:
        largest = int(unpack(codes, count, bits).max())
        if largest >= len(codebook):
            return f"code {largest} lies past the codebook of {len(codebook)} values"
    return None
