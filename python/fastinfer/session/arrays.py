"""From what callers pass to arrays that the core reads, without a copy where memory allows, without casts ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastinfer.errors import DTypeError, InputError, ShapeError
from fastinfer.graph.ir import ValueInfo
from fastinfer.graph.weight import Array


def to_array(value: object, info: ValueInfo) -> Array:
    """A C-contiguous array of the input's element type.

    NumPy arrays, anything with DLPack, an array interface or a buffer, and lists and numbers if NumPy makes the right
    type of them (floats become float64, so lists serve for integer and float64 inputs). DTypeError, InputError.
    """
    array = _view(value, info)
    wanted = info.dtype.numpy
    if array.dtype != wanted:
        hint = "" if isinstance(value, np.ndarray) else f"; pass numpy.asarray(x, numpy.{wanted.name})"
        raise DTypeError(f"the input is {wanted.name}, got {array.dtype.name}{hint}", tensor=info.name)
    return array if array.flags.c_contiguous else np.require(array, requirements="C")


def _view(value: object, info: ValueInfo) -> Array:
    if isinstance(value, np.ndarray):
        return value
    if value is None or isinstance(value, str | bytes | dict | set):
        raise InputError(f"wants an array, got {type(value).__name__}", tensor=info.name)
    try:
        if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
            return _from_dlpack(value)
        array = np.asarray(value)
    except Exception as error:  # whatever the foreign object raises
        raise InputError(f"cannot read {type(value).__name__} as an array: {error}", tensor=info.name) from error
    if array.dtype == object:
        raise InputError(f"wants an array, got {type(value).__name__}", tensor=info.name)
    return array


def _from_dlpack(value: Any) -> Array:
    try:
        return np.from_dlpack(value)
    except BufferError:  # read-only memory, which old NumPy does not take over DLPack
        return np.asarray(value)


BATCH = ""  # among the sizes of named dimensions: the batch of a model that was made for one sample


def check_shape(array: Array, info: ValueInfo, sizes: dict[str, int], any_batch: bool = False) -> None:
    """The array's shape against the declared one; `sizes` collects what the named dimensions stand for. ShapeError.

    any_batch: a first dimension that is declared as 1 may be of any size, the same for all inputs.
    """
    if info.shape is None:
        return
    if array.ndim != len(info.shape):
        raise ShapeError(f"wants shape {show_shape(info.shape)}, got {array.shape}", tensor=info.name)
    for axis, (have, declared) in enumerate(zip(array.shape, info.shape, strict=True)):
        want = BATCH if any_batch and axis == 0 and declared == 1 else declared
        known = sizes.setdefault(want, have) if isinstance(want, str) else want
        if have != known:
            named = f" ({want or 'the batch'} is {known} already)" if isinstance(want, str) else ""
            reason = f"wants shape {show_shape(info.shape)}, got {array.shape}: axis {axis} differs{named}"
            raise ShapeError(reason, tensor=info.name)


def show_shape(shape: Sequence[int | str] | None) -> str:
    return "of any rank" if shape is None else "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def name_arguments(
    args: Sequence[object], kwargs: Mapping[str, object], infos: Sequence[ValueInfo]
) -> dict[str, object]:
    """What was given for each input: positional in the model's order, a single mapping, or keywords. InputError."""
    positional = list(args)
    if len(positional) == 1 and isinstance(positional[0], Mapping) and not kwargs:
        mapping: Any = positional.pop()
        kwargs = {str(name): value for name, value in mapping.items()}
    names = [info.name for info in infos]
    if len(positional) > len(names):
        raise InputError(f"{len(positional)} inputs given, the model has {len(names)}: {', '.join(names)}")
    given = dict(zip(names, positional, strict=False))
    for name, value in kwargs.items():
        if name not in names:
            raise InputError(f"no such input; the model has {', '.join(names)}", tensor=name)
        if name in given:
            raise InputError("given twice", tensor=name)
        given[name] = value
    missing = [name for name in names if name not in given]
    if missing:
        raise InputError(f"missing inputs: {', '.join(missing)}", tensor=missing[0])
    return given


def layout_of(shape: Sequence[int | str] | None) -> str:
    """How a model's input or output lies in memory: row-major, which for pictures is called NCHW."""
    return "NCHW" if shape is not None and len(shape) == 4 else "plain"
