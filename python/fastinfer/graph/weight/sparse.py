"""Sparse matrices. A weight is the matrix of shape[0] rows (filters) and prod(shape[1:]) columns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.dtype import DType
from fastinfer.graph.weight.dense import Array

BLOCKS = ((1, 4), (4, 1))


def is_made_of(shape: tuple[int, ...], block: tuple[int, int]) -> bool:
    """Whether the matrix of a weight of that shape consists of whole blocks."""
    rows, columns = _matrix(shape)
    return rows % block[0] == 0 and columns % block[1] == 0


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[0], math.prod(shape[1:])


@dataclass(eq=False, slots=True)
class CsrWeight:
    """Compressed sparse rows: those of row r are values[row_ptr[r]:row_ptr[r + 1]], at columns col_idx, ascending."""

    shape: tuple[int, ...]
    row_ptr: npt.NDArray[np.uint32]  # rows + 1
    col_idx: Array  # u16 where the columns fit, else u32
    values: npt.NDArray[np.float32]
    form: str = field(default="csr", init=False)

    @classmethod
    def of(cls, array: Array) -> CsrWeight:
        """The nonzero elements of a dense array of one axis or more."""
        rows, columns = _matrix(array.shape)
        matrix = array.reshape(rows, columns)
        row, column = np.nonzero(matrix)
        return cls(array.shape, _row_ptr(row, rows), column.astype(_index_type(columns)), matrix[row, column])

    @property
    def dtype(self) -> DType:
        return DType.F32

    @property
    def nbytes(self) -> int:
        return int(self.row_ptr.nbytes + self.col_idx.nbytes + self.values.nbytes)

    @property
    def stored(self) -> int:
        return len(self.values)

    def dense(self) -> Array:
        rows, columns = _matrix(self.shape)
        matrix = np.zeros((rows, columns), np.float32)
        matrix[_row_of_each(self.row_ptr), self.col_idx] = self.values
        return matrix.reshape(self.shape)

    def fault(self) -> str | None:
        if not self.shape:
            return "a sparse matrix without rows"
        return _rows_fault(self.row_ptr, self.col_idx, *_matrix(self.shape), len(self.values))


@dataclass(eq=False, slots=True)
class BlockSparseWeight:
    """Blocks of `block` (rows, columns), 1x4 or 4x1, in compressed sparse rows of blocks; sizes are multiples of it."""

    shape: tuple[int, ...]
    block: tuple[int, int]
    row_ptr: npt.NDArray[np.uint32]  # rows / block[0] + 1
    col_idx: Array  # columns in blocks
    values: npt.NDArray[np.float32]  # (blocks, 4)
    form: str = field(default="block_sparse", init=False)

    @classmethod
    def of(cls, array: Array, block: tuple[int, int]) -> BlockSparseWeight:
        """The blocks of a dense array that hold a nonzero. ValueError if its sizes are no multiples of the block's."""
        rows, columns = _matrix(array.shape)
        height, width = block
        if block not in BLOCKS or not is_made_of(array.shape, block):
            raise ValueError(f"{rows} x {columns} elements are not made of {height} x {width} blocks")
        tiles = array.reshape(rows // height, height, columns // width, width).transpose(0, 2, 1, 3)
        tiles = tiles.reshape(rows // height, columns // width, height * width)
        row, column = np.nonzero(tiles.any(axis=2))
        indices = column.astype(_index_type(columns // width))
        return cls(array.shape, block, _row_ptr(row, rows // height), indices, tiles[row, column])

    @property
    def dtype(self) -> DType:
        return DType.F32

    @property
    def nbytes(self) -> int:
        return int(self.row_ptr.nbytes + self.col_idx.nbytes + self.values.nbytes)

    @property
    def stored(self) -> int:
        return int(self.values.size)

    def dense(self) -> Array:
        rows, columns = _matrix(self.shape)
        height, width = self.block
        tiles = np.zeros((rows // height, columns // width, height, width), np.float32)
        tiles[_row_of_each(self.row_ptr), self.col_idx] = self.values.reshape(-1, height, width)
        dense: Array = tiles.transpose(0, 2, 1, 3).reshape(self.shape)
        return dense

    def fault(self) -> str | None:
        if not self.shape or self.block not in BLOCKS:
            return f"blocks of {self.block} in shape {self.shape}"
        (rows, columns), (height, width) = _matrix(self.shape), self.block
        if not is_made_of(self.shape, self.block):
            return f"{rows} x {columns} elements are not made of {height} x {width} blocks"
        if self.values.shape != (len(self.col_idx), height * width):
            return f"values of shape {self.values.shape} for {len(self.col_idx)} blocks"
        return _rows_fault(self.row_ptr, self.col_idx, rows // height, columns // width, len(self.values))


def _index_type(columns: int) -> np.dtype[Any]:
    return np.dtype(np.uint16 if columns <= 1 << 16 else np.uint32)


def _row_ptr(row: Array, rows: int) -> npt.NDArray[np.uint32]:
    starts = np.zeros(rows + 1, np.uint32)
    np.cumsum(np.bincount(row, minlength=rows), out=starts[1:])
    return starts


def _row_of_each(row_ptr: Array) -> Array:
    stored: Array = row_ptr[1:].astype(np.int64) - row_ptr[:-1]
    return np.repeat(np.arange(len(stored)), stored)


def _rows_fault(row_ptr: Array, col_idx: Array, rows: int, columns: int, stored: int) -> str | None:
    if len(row_ptr) != rows + 1:
        return f"{len(row_ptr)} row pointers for {rows} rows"
    if len(col_idx) != stored:
        return f"{len(col_idx)} column indices for {stored} values"
    if row_ptr[0] != 0 or int(row_ptr[-1]) != stored or (row_ptr[1:] < row_ptr[:-1]).any():
        return f"the row pointers do not ascend from 0 to {stored}"
    if stored and int(col_idx.max()) >= columns:
        return f"column {int(col_idx.max())} of {columns}"
    ascends = col_idx[1:] > col_idx[:-1]
    starts = row_ptr[1:-1].astype(np.int64)
    ascends[starts[(starts > 0) & (starts < stored)] - 1] = True  # from one row to the next it may fall
    return None if ascends.all() else "the columns of a row do not ascend"
