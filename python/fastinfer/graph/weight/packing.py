"""Integers of 1 to 8 bits, one after the other without padding, the lowest bit first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` integers of `bits` bits take."""
    return (count * bits + 7) // 8


def pack(values: Bytes, bits: int) -> Bytes:
    """Values below 2**bits; the last byte is filled up with zeros."""
    if bits == 8:
        return np.ascontiguousarray(values, np.uint8)
    spread = np.unpackbits(values.reshape(-1, 1), axis=1, count=bits, bitorder="little")
    return np.packbits(spread, bitorder="little")


def unpack(data: Bytes, count: int, bits: int) -> Bytes:
    """The first `count` integers of packed bytes."""
    if bits == 8:
        return data[:count]
    spread = np.unpackbits(data, count=count * bits, bitorder="little")
    return np.packbits(spread.reshape(count, bits), axis=1, bitorder="little").reshape(count)
