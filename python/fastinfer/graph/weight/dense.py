"""Every element, one after the other."""

from __future__ import annotations

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

    @property
    def stored(self) -> int:
        return int(np.size(self.array))

    def dense(self) -> Array:
        """The elements as an array of `shape`."""
        return self.array

    def fault(self) -> str | None:
        return None
