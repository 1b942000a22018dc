"""Arrays beside memory that must not be touched: a kernel that reads or writes outside its view dies at once."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

from effort import EMULATED
from fastinfer import _core

Array = npt.NDArray[Any]

_PAGE = mmap.PAGESIZE
_PROT_NONE = 0
# Bytes at either end that may be read: QEMU loads the whole of a vector for vmaskmovps, which processors do not.
SLACK = _PAGE if EMULATED and "avx2" in _core.build_config()["features"] else 0
_libc = ctypes.CDLL(None, use_errno=True)


def _forbid(memory: mmap.mmap, offset: int) -> None:
    """Takes all access to one page away."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory, offset))
    if _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(_PAGE), _PROT_NONE) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")


def _between_guards(array: Array, *, at_start: bool) -> Array:
    room = -(-max(array.nbytes, 1) // _PAGE) * _PAGE
    memory = mmap.mmap(-1, room + 2 * (_PAGE + SLACK))
    _forbid(memory, 0)
    _forbid(memory, _PAGE + room + 2 * SLACK)
    start = _PAGE + SLACK + (0 if at_start else room - array.nbytes)
    copy: Array = np.frombuffer(memory, dtype=array.dtype, count=array.size, offset=start).reshape(array.shape)
    copy[...] = array
    return copy


def guarded(array: Array) -> Array:
    """A C-contiguous copy whose last byte is the last, but for SLACK, before a page that cannot be accessed."""
    return _between_guards(np.asarray(array), at_start=False)


def guarded_start(array: Array) -> Array:
    """A C-contiguous copy whose first byte is the first, but for SLACK, after a page that cannot be accessed."""
    return _between_guards(np.asarray(array), at_start=True)
