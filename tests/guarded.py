"""Arrays beside memory that must not be touched: a kernel that reads or writes outside its view dies at once."""

from __future__ import annotations

import ctypes
import mmap
import platform
from typing import Any

import numpy as np
import numpy.typing as npt

from effort import EMULATED

Array = npt.NDArray[Any]

# Bytes beyond the end that may be touched: QEMU loads the whole of a vector for vmaskmovps, which processors do not.
SLACK = 32 if EMULATED and platform.machine() == "x86_64" else 0

_PAGE = mmap.PAGESIZE
_PROT_NONE = 0
_libc = ctypes.CDLL(None, use_errno=True)


def _forbid(memory: mmap.mmap, offset: int) -> None:
    """Takes all access to one page away."""
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory, offset))
    if _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(_PAGE), _PROT_NONE) != 0:
        raise OSError(ctypes.get_errno(), "mprotect")


def _between_guards(array: Array, *, at_start: bool) -> Array:
    bytes_used = array.nbytes + SLACK
    room = -(-max(bytes_used, 1) // _PAGE) * _PAGE
    memory = mmap.mmap(-1, room + 2 * _PAGE)
    _forbid(memory, 0)
    _forbid(memory, _PAGE + room)
    start = _PAGE if at_start else _PAGE + room - bytes_used
    copy: Array = np.frombuffer(memory, dtype=array.dtype, count=array.size, offset=start).reshape(array.shape)
    copy[...] = array
    return copy


def guarded(array: Array) -> Array:
    """A C-contiguous copy whose last byte is the last, but for SLACK, before a page that cannot be accessed."""
    return _between_guards(np.asarray(array), at_start=False)


def guarded_start(array: Array) -> Array:
    """A C-contiguous copy whose first byte is the first after a page that cannot be accessed."""
    return _between_guards(np.asarray(array), at_start=True)
