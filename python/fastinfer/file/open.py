"""One door for every format: what the bytes are decides, the name only where bytes cannot tell."""

from __future__ import annotations

from fastinfer.errors import FastinferError, FileFormatError
from fastinfer.file.deep_compression import is_deep_compression, read_deep_compression
from fastinfer.file.fi import is_fi, read_fi
from fastinfer.file.model import ModelFile
from fastinfer.file.onnx.reader import read_onnx
from fastinfer.file.source import PathOrBytes, Source, open_source

_LFS_POINTER = b"version https://git-lfs"


def open_model(model: PathOrBytes) -> ModelFile:
    """Read the file, or the bytes of one.

    Raises subclasses of FastinferError and nothing else: ModelFileNotFoundError, FileFormatError (and
    TruncatedFileError, TensorSizeError, ExternalDataError), UnsupportedOperatorError, GraphError, AttributeValueError,
    DTypeError.
    """
    source = open_source(model)
    try:
        return _read(source)
    except FastinferError:
        raise
    except (ArithmeticError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as error:
        # What the readers' own checks let through is still the file's fault.
        raise FileFormatError(f"malformed: {type(error).__name__}: {error}", file=source.path) from error


def _read(source: Source) -> ModelFile:
    start = bytes(source.buffer[: len(_LFS_POINTER)])
    if start == _LFS_POINTER:
        raise FileFormatError("a Git LFS pointer, not the model itself; fetch it with git lfs pull", file=source.path)
    if (source.path or "").endswith(".net") or is_deep_compression(source.buffer):
        return read_deep_compression(source)
    if (source.path or "").endswith(".fi") or is_fi(source.buffer):
        return read_fi(source)
    return read_onnx(source)
