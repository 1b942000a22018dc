"""Where a model's bytes come from: a file mapped into memory, or bytes that the caller holds.

Neither may change while the model lives: weights are views of them. (Replacing a file by another is no change of it.)
"""

from __future__ import annotations

import mmap
import os
import stat
from dataclasses import dataclass

from fastinfer.errors import InputError, ModelFileNotFoundError, TruncatedFileError

PathOrBytes = str | os.PathLike[str] | bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes, read-only; the path that they came from (None for the caller's bytes) stands in every message."""

    buffer: memoryview
    path: str | None = None

    @property
    def folder(self) -> str | None:
        """Where external data may lie."""
        return None if self.path is None else os.path.dirname(os.path.abspath(self.path))

    def let_go(self) -> None:
        """The mapped pages leave this process; what is read again comes again, from the page cache or the file."""
        mapped = self.buffer.obj
        if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def open_source(model: PathOrBytes) -> Source:
    """Map the file, or wrap the bytes. ModelFileNotFoundError, TruncatedFileError (empty), InputError (neither)."""
    if isinstance(model, bytes | bytearray | memoryview):
        view = memoryview(model)
        view = memoryview(view.tobytes()) if not view.contiguous else view.cast("B")
        return _checked(Source(view.toreadonly(), None))
    if not isinstance(model, str | os.PathLike):
        raise InputError(f"a model is a path or bytes, not {type(model).__name__}")
    path = os.fspath(model)
    if not isinstance(path, str):
        raise InputError("a path is text; bytes are taken as the model itself")
    return _checked(Source(map_file(path), path))


def map_file(path: str) -> memoryview:
    """The file's bytes, mapped where the file system can. ModelFileNotFoundError for what is no readable plain file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ModelFileNotFoundError("not a plain file", file=path)
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return memoryview(b"")
            try:
                return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except OSError:
                return memoryview(file.read())
    except ModelFileNotFoundError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL or a lone surrogate in the path
        raise ModelFileNotFoundError(getattr(error, "strerror", None) or str(error), file=path) from error


def _checked(source: Source) -> Source:
    if not source.buffer:
        raise TruncatedFileError("the file is empty", file=source.path)
    return source
