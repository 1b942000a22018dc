"""What can go wrong, one exception type per kind. Every message names file, node, tensor and reason where known."""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "AttributeValueError",
    "CyclicGraphError",
    "DTypeError",
    "ExternalDataError",
    "FastinferError",
    "FileFormatError",
    "FileWriteError",
    "GraphError",
    "InputError",
    "IsaError",
    "MemoryLimitError",
    "ModelFileNotFoundError",
    "ShapeError",
    "TensorSizeError",
    "TruncatedFileError",
    "TuningCacheWarning",
    "UnsupportedOperatorError",
]


class FastinferError(Exception):
    """The base of all of them. `file`, `node` and `tensor` are None where they do not apply."""

    def __init__(
        self,
        reason: str,
        *,
        file: str | None = None,
        node: str | None = None,
        tensor: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.file = file
        self.node = node
        self.tensor = tensor

    def __str__(self) -> str:
        places = (("file", self.file), ("node", self.node), ("tensor", self.tensor))
        where = [f"{kind} {value!r}" for kind, value in places if value]
        return f"{', '.join(where)}: {self.reason}" if where else self.reason

    def located(self, *, file: str | None = None, node: str | None = None, tensor: str | None = None) -> FastinferError:
        """The same error, with the places that it did not know yet filled in."""
        self.file = self.file or file
        self.node = self.node or node
        self.tensor = self.tensor or tensor
        return self


class ModelFileNotFoundError(FastinferError, FileNotFoundError):
    """There is no such file, or it cannot be read."""


class FileWriteError(FastinferError, OSError):
    """The file cannot be written where it is to be."""


class FileFormatError(FastinferError):
    """The bytes are not a model of a format that fastinfer reads."""


class TruncatedFileError(FileFormatError):
    """The file ends before its contents do."""


class TensorSizeError(FileFormatError):
    """A tensor's size overflows, or exceeds or disagrees with the bytes that are there."""


class ExternalDataError(FileFormatError):
    """External tensor data is missing, or lies outside the model's folder."""


class UnsupportedOperatorError(FastinferError):
    """The model uses operators that fastinfer does not have; all of them are listed. `operators` holds their names."""

    def __init__(
        self,
        reason: str,
        *,
        operators: tuple[str, ...] = (),
        file: str | None = None,
        node: str | None = None,
        tensor: str | None = None,
    ) -> None:
        super().__init__(reason, file=file, node=node, tensor=tensor)
        self.operators = operators


class GraphError(FastinferError):
    """The graph is malformed: an undefined or doubly defined tensor, a missing output."""


class CyclicGraphError(GraphError):
    """Nodes depend on one another in a circle."""


class AttributeValueError(FastinferError):
    """An attribute is missing, of the wrong type, or has a value that the operator does not allow."""


class ShapeError(FastinferError):
    """Shapes do not fit together, or an input does not have the model's shape."""


class DTypeError(FastinferError):
    """An element type that the operator or the input does not allow."""


class InputError(FastinferError):
    """An input is missing, unknown, or not an array."""


class ArgumentError(FastinferError, ValueError):
    """An argument of the Python interface (a number of threads, of runs, an option) is not one that it takes."""


class MemoryLimitError(FastinferError):
    """The plan needs more memory than the limit allows."""


class IsaError(FastinferError):
    """An instruction-set tier is unknown, or cannot be used on this machine."""


class TuningCacheWarning(UserWarning):
    """The file that keeps what tuning found cannot be read or written; it is ignored."""
