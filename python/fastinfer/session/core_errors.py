"""The core's exception as the classes of fastinfer.errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastinfer import _core
from fastinfer.errors import (
    ArgumentError,
    AttributeValueError,
    DTypeError,
    FastinferError,
    GraphError,
    IsaError,
    MemoryLimitError,
    ShapeError,
    UnsupportedOperatorError,
)

_CLASSES: dict[str, type[FastinferError]] = {
    "shape": ShapeError,
    "dtype": DTypeError,
    "attribute": AttributeValueError,
    "unsupported": UnsupportedOperatorError,
    "memory": MemoryLimitError,
    "isa": IsaError,
    "value": GraphError,
    "argument": ArgumentError,
}


def translated(error: _core.CoreError | MemoryError, file: str | None) -> FastinferError:
    """The FastinferError of an error of the core's, which names the file too."""
    if isinstance(error, MemoryError):
        return MemoryLimitError("out of memory", file=file)
    cls = _CLASSES.get(error.kind, FastinferError)
    return cls(error.reason, file=file, node=error.node or None, tensor=error.tensor or None)


@contextmanager
def core_errors(file: str | None = None) -> Iterator[None]:
    """Turn _core.CoreError into a FastinferError that names the file too; MemoryError into MemoryLimitError."""
    try:
        yield
    except _core.CoreError as error:
        raise translated(error, file) from None
    except MemoryError as error:
        raise translated(error, file) from error
