"""Arrays in memory layouts drawn by hypothesis: transposed, sliced, reversed, broadcast, ending at a forbidden page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded

Array = npt.NDArray[Any]

FLOATS = [np.float64, np.float32, np.float16]
SIGNED = [np.int64, np.int32, np.int16, np.int8]
UNSIGNED = [np.uint64, np.uint32, np.uint16, np.uint8]
INTEGERS = SIGNED + UNSIGNED
NUMBERS = FLOATS + INTEGERS
DTYPES = [*NUMBERS, np.bool_]

shapes = st.lists(st.integers(0, 9) | st.sampled_from([17, 33]), max_size=4).map(tuple)
seeds = st.integers(0, 2**32 - 1)


def run(name: str, /, **kwargs: Any) -> None:
    """Runs the row strided_<name>__scalar; outputs are written in place."""
    _core.run_kernel(f"strided_{name}__scalar", **kwargs)


def random_array(seed: int, shape: Sequence[int], dtype: Any) -> Array:
    """Floats of moderate size; integers over their whole range, extremes and small values often; booleans."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype == np.bool_:
        return np.asarray(rng.random(shape) < 0.5)
    if dtype.kind == "f":
        return np.asarray(rng.standard_normal(shape) * 4).astype(dtype)
    info = np.iinfo(dtype)
    values = rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    small = np.asarray(rng.integers(max(info.min, -3), 4, shape)).astype(dtype)
    extreme = np.where(rng.random(shape) < 0.5, info.min, info.max).astype(dtype)
    choice = rng.random(shape)
    return np.where(choice < 0.4, values, np.where(choice < 0.8, small, extreme)).astype(dtype)


@dataclass
class Output:
    """A view to write to, and the memory around it, which must stay."""

    view: Array
    base: Array

    def result(self) -> Array:
        """The view's elements, after seeing that the memory between them is as before."""
        values = self.view.copy()
        self.view[...] = _sentinel(self.view.dtype)
        assert self.base.tobytes() == b"\x01" * self.base.nbytes
        return values


def _sentinel(dtype: np.dtype[Any]) -> Any:
    return np.frombuffer(b"\x01" * dtype.itemsize, dtype)[0]


def _layout(data: st.DataObject, shape: Sequence[int], dtype: Any) -> Output:
    """Axes permuted in memory, with steps; the last element is the last before a forbidden page."""
    rank = len(shape)
    order = data.draw(st.permutations(range(rank)), "memory order")
    steps = data.draw(st.lists(st.sampled_from([1, 1, 1, 2, -1, -2]), min_size=rank, max_size=rank), "steps")
    lengths = [max((shape[axis] - 1) * abs(steps[axis]) + 1, 0) if shape[axis] else 0 for axis in order]
    base = guarded(np.full(lengths, _sentinel(np.dtype(dtype)), dtype))
    view = base[(*(slice(None, None, steps[axis]) for axis in order), ...)]
    return Output(view.transpose(np.argsort(np.array(order, np.intp))) if rank else view, base)


def output(data: st.DataObject, shape: Sequence[int], dtype: Any) -> Output:
    return _layout(data, shape, dtype)


def view(data: st.DataObject, array: Array) -> Array:
    """The same elements in another layout. A size-1 result of a broadcast axis (stride 0) is `broadcast`'s business."""
    laid = _layout(data, array.shape, array.dtype)
    laid.view[...] = array
    return laid.view


def broadcast(data: st.DataObject, array: Array) -> Array:
    """A view of the array's shape where some axes repeat their first element with stride 0."""
    repeated = data.draw(st.lists(st.booleans(), min_size=array.ndim, max_size=array.ndim), "stride 0")
    index = tuple(slice(0, 1) if r else slice(None) for r in repeated)
    return np.broadcast_to(view(data, array[index]), array.shape) if array.size else view(data, array)
