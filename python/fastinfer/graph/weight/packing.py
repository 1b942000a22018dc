"""Integers of 1 to 8 bits, one after the other without padding, the lowest bit first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
_RUN = 1 << 16  # integers that are spread to a byte a bit at a time; a multiple of 8


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` integers of `bits` bits take."""
    return (count * bits + 7) // 8


def pack(values: Bytes, bits: int) -> Bytes:
    """Values below 2**bits; the last byte is filled up with zeros."""
    values = np.ascontiguousarray(values, np.uint8).reshape(-1)
    if bits == 8:
        return values
    packed = np.empty(packed_bytes(len(values), bits), np.uint8)
    for start in range(0, len(values), _RUN):
        spread = np.unpackbits(values[start : start + _RUN].reshape(-1, 1), axis=1, count=bits, bitorder="little")
        part = np.packbits(spread, bitorder="little")
        at = start * bits // 8
        packed[at : at + len(part)] = part
    return packed


def unpack(data: Bytes, count: int, bits: int) -> Bytes:
    """The first `count` integers of packed bytes."""
    if bits == 8:
        return data[:count]
    values = np.empty(count, np.uint8)
    for start in range(0, count, _RUN):
        size, at = min(_RUN, count - start), start * bits // 8
        spread = np.unpackbits(data[at : at + packed_bytes(size, bits)], count=size * bits, bitorder="little")
        values[start : start + size] = np.packbits(spread.reshape(size, bits), axis=1, bitorder="little").reshape(size)
    return values
