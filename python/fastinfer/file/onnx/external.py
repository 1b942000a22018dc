"""External data: tensors whose bytes lie in another file of the model's folder (onnx/docs/ExternalData.md).

A model is somebody else's file: it must not make the reader open anything outside its own folder, so absolute
locations, `..` and symbolic links that lead out are refused.
"""

from __future__ import annotations

import os

from fastinfer.errors import ExternalDataError, ModelFileNotFoundError, TensorSizeError
from fastinfer.file.onnx.schema import StringStringEntry
from fastinfer.file.source import map_file


class ExternalFiles:
    """The data files of one model, each mapped once."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._maps: dict[str, memoryview] = {}

    @property
    def used(self) -> bool:
        """Whether any tensor lay outside the model's own file."""
        return bool(self._maps)

    def span(self, entries: list[StringStringEntry]) -> memoryview:
        """The bytes that a tensor's external_data names. ExternalDataError, or TensorSizeError past the file's end."""
        settings = {entry.key: entry.value for entry in entries}
        if not settings.get("location"):
            raise ExternalDataError("external data without a location")
        location = settings["location"]
        data = self._map(location)
        offset = _number(settings, "offset", 0)
        length = _number(settings, "length", max(0, len(data) - offset))
        if offset + length > len(data):
            raise TensorSizeError(f"bytes {offset} to {offset + length} of {location!r}, which has {len(data)}")
        return data[offset : offset + length]

    def _map(self, location: str) -> memoryview:
        if location not in self._maps:
            self._maps[location] = _open_inside(self._folder, location)
        return self._maps[location]


def _number(settings: dict[str, str], key: str, default: int) -> int:
    text = settings.get(key)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ExternalDataError(f"external data {key} {text[:40]!r} is not a byte count")
    return int(text)


def _open_inside(folder: str | None, location: str) -> memoryview:
    from pathlib import PurePosixPath, PureWindowsPath  # here: few models have external data

    if folder is None:
        raise ExternalDataError(f"external data {location!r}: a model given as bytes has no folder; give its path")
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    if posix.is_absolute() or windows.drive or windows.root:
        raise ExternalDataError(f"external data location {location!r} is absolute")
    if ".." in posix.parts or ".." in windows.parts:
        raise ExternalDataError(f"external data location {location!r} leaves the model's folder")
    try:
        root = os.path.realpath(folder)
        real = os.path.realpath(os.path.join(root, location))
        inside = os.path.commonpath((root, real)) == root
    except (OSError, ValueError) as error:
        raise ExternalDataError(f"external data location {location[:200]!r}: {error}") from error
    if not inside:
        raise ExternalDataError(f"external data location {location!r} is a link out of the model's folder")
    try:
        return map_file(real)
    except ModelFileNotFoundError as error:
        raise ExternalDataError(f"external data {location!r}: {error.reason}") from error
