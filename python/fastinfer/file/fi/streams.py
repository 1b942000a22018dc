"""Huffman-coded weights that stay so: codes and gaps are decoded anew each time that they are read, and then go."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from fastinfer import _core
from fastinfer.graph.weight import CodebookWeight, SparseCodebookWeight, Weight, pack, packed_bytes
from fastinfer.graph.weight.packing import Bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A block of the Huffman room (cpp/kernels/huffman/huffman.h) inside the mapped file."""

    block: memoryview
    count: int  # integers
    bits: int  # of each

    def packed(self) -> Bytes:
        """The integers, packed. CoreError (kind value) if the block is malformed."""
        symbols = _core.huffman_decode(np.frombuffer(self.block, np.uint8), self.count, 2**self.bits)
        return pack(symbols, self.bits)


def _read(part: Bytes | Stream) -> Bytes:
    return part.packed() if isinstance(part, Stream) else part


class StreamedCodebook(CodebookWeight):
    """A codebook whose codes stay in a stream."""

    __slots__ = ("_codes",)

    @property
    def codes(self) -> Bytes:
        return _read(self._codes)

    @codes.setter
    def codes(self, part: Bytes | Stream) -> None:
        self._codes = part

    @property
    def nbytes(self) -> int:
        return int(self.codebook.nbytes) + packed_bytes(self.stored, self.code_bits)


class StreamedSparseCodebook(SparseCodebookWeight):
    """A sparse codebook whose codes and gaps stay in streams."""

    __slots__ = ("_codes", "_gaps")

    @property
    def codes(self) -> Bytes:
        return _read(self._codes)

    @codes.setter
    def codes(self, part: Bytes | Stream) -> None:
        self._codes = part

    @property
    def gaps(self) -> Bytes:
        return _read(self._gaps)

    @gaps.setter
    def gaps(self, part: Bytes | Stream) -> None:
        self._gaps = part

    @property
    def nbytes(self) -> int:
        codes, gaps = packed_bytes(self.count, self.code_bits), packed_bytes(self.count, self.index_bits)
        return int(self.codebook.nbytes) + codes + gaps


def streamed(weight: Weight, streams: dict[str, Stream]) -> Weight:
    """The weight with these parts as streams, if it has any."""
    if not streams or not isinstance(weight, CodebookWeight | SparseCodebookWeight):
        return weight
    made: Any = StreamedCodebook if isinstance(weight, CodebookWeight) else StreamedSparseCodebook
    parts = {field.name: getattr(weight, field.name) for field in fields(weight) if field.init}
    lazy: Weight = made(**(parts | streams))
    return lazy
