"""Element types, by the same names as in the core (cpp/base/dtype.h), and their NumPy twins."""

from __future__ import annotations

import enum

import numpy as np


class DType(enum.Enum):
    F64 = "f64"
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    S64 = "s64"
    S32 = "s32"
    S16 = "s16"
    S8 = "s8"
    U64 = "u64"
    U32 = "u32"
    U16 = "u16"
    U8 = "u8"
    S4 = "s4"
    U4 = "u4"
    BOOL = "boolean"
    BITS = "bits"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy type of the same width and meaning; KeyError for bf16, s4, u4 and bits, which have none."""
        return _TO_NUMPY[self]

    @classmethod
    def of(cls, dtype: np.dtype[np.generic] | type) -> DType:
        """The type of a NumPy array's elements; KeyError if the engine has none like it."""
        return _FROM_NUMPY[np.dtype(dtype)]

    @property
    def is_float(self) -> bool:
        return self in (DType.F64, DType.F32, DType.F16, DType.BF16)


_TO_NUMPY: dict[DType, np.dtype[np.generic]] = {
    DType.F64: np.dtype(np.float64),
    DType.F32: np.dtype(np.float32),
    DType.F16: np.dtype(np.float16),
    DType.S64: np.dtype(np.int64),
    DType.S32: np.dtype(np.int32),
    DType.S16: np.dtype(np.int16),
    DType.S8: np.dtype(np.int8),
    DType.U64: np.dtype(np.uint64),
    DType.U32: np.dtype(np.uint32),
    DType.U16: np.dtype(np.uint16),
    DType.U8: np.dtype(np.uint8),
    DType.BOOL: np.dtype(np.bool_),
}
_FROM_NUMPY = {numpy: dtype for dtype, numpy in _TO_NUMPY.items()}
