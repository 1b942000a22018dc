"""Dense weights of fewer bits than their elements: bf16, scaled integers, one bit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fastinfer.graph.dtype import DType
from fastinfer.graph.weight.dense import Array
from fastinfer.graph.weight.packing import Bytes, packed_bytes, unpack


@dataclass(eq=False, slots=True)
class Bf16Weight:
    """Every element as the upper half of a float32."""

    bits: npt.NDArray[np.uint16]  # of the tensor's shape
    form: str = field(default="bf16", init=False)

    @classmethod
    def of(cls, array: Array) -> Bf16Weight:
        """A float32 array rounded to nearest, ties to even; NaN stays NaN."""
        whole = np.ascontiguousarray(array, np.float32).view(np.uint32)
        rounded = ((whole + (0x7FFF + (whole >> 16 & 1))) >> 16).astype(np.uint16)
        return cls(np.where(np.isnan(array), np.uint16(0x7FC0), rounded))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.bits.shape)

    @property
    def dtype(self) -> DType:
        return DType.F32

    @property
    def nbytes(self) -> int:
        return int(self.bits.nbytes)

    @property
    def stored(self) -> int:
        return int(np.size(self.bits))

    def dense(self) -> Array:
        return (self.bits.astype(np.uint32) << 16).view(np.float32)

    def fault(self) -> str | None:
        return None


@dataclass(eq=False, slots=True)
class ScaledWeight:
    """Signed integers of 8 or 4 bits with one scale per filter: element = scale[filter] * value."""

    shape: tuple[int, ...]
    values: Bytes  # two's complement, packed
    scale: npt.NDArray[np.float32]  # shape[0]
    value_bits: int = 8
    form: str = field(default="scaled", init=False)

    @property
    def dtype(self) -> DType:
        return DType.F32

    @property
    def nbytes(self) -> int:
        return int(self.values.nbytes + self.scale.nbytes)

    @property
    def stored(self) -> int:
        return math.prod(self.shape)

    def integers(self) -> npt.NDArray[np.int8]:
        """The values, of the tensor's shape."""
        spare = 8 - self.value_bits
        unsigned = unpack(self.values, self.stored, self.value_bits)
        return ((unsigned << spare).view(np.int8) >> spare).reshape(self.shape)

    def dense(self) -> Array:
        scale = self.scale.reshape(-1, *[1] * (len(self.shape) - 1))
        return np.multiply(self.integers(), scale, dtype=np.float32)

    def fault(self) -> str | None:
        if self.value_bits not in (4, 8):
            return f"integers of {self.value_bits} bits"
        return _filters_fault(self.shape, self.values, self.value_bits, self.scale)


@dataclass(eq=False, slots=True)
class BitsWeight:
    """One bit per element and a scale per filter: element = bit ? scale[filter] : -scale[filter]."""

    shape: tuple[int, ...]
    bits: Bytes  # packed
    scale: npt.NDArray[np.float32]  # shape[0]
    form: str = field(default="bits", init=False)

    @property
    def dtype(self) -> DType:
        return DType.F32

    @property
    def nbytes(self) -> int:
        return int(self.bits.nbytes + self.scale.nbytes)

    @property
    def stored(self) -> int:
        return math.prod(self.shape)

    def dense(self) -> Array:
        bits = unpack(self.bits, self.stored, 1).reshape(self.shape)
        scale = self.scale.reshape(-1, *[1] * (len(self.shape) - 1))
        return np.where(bits != 0, scale, -scale)

    def fault(self) -> str | None:
        return _filters_fault(self.shape, self.bits, 1, self.scale)


def _filters_fault(shape: tuple[int, ...], packed: Bytes, bits: int, scale: npt.NDArray[np.float32]) -> str | None:
    count = math.prod(shape)
    if not shape or scale.shape != (shape[0],):
        return f"scales of shape {scale.shape} for a weight of shape {shape}"
    if len(packed) != packed_bytes(count, bits):
        return f"{len(packed)} bytes for {count} elements of {bits} bits"
    return None if np.isfinite(scale).all() else "a scale is an infinity or a NaN"
