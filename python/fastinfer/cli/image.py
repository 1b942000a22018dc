"""Pictures from files. PNM and PNG (8 bits a sample, not interlaced) are read here; other formats through Pillow."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastinfer.errors import InputError

Picture = npt.NDArray[np.uint8]  # height x width x 3, RGB

_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_PIXELS = 1 << 26


def read_image(path: Path) -> Picture:
    """The picture as height x width x 3 uint8 RGB; transparent pixels lie on white.

    Raises InputError where the file is missing, damaged, or of a format that needs Pillow and Pillow is not installed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the picture: {error.strerror}", file=str(path)) from error
    try:
        if data.startswith(_PNG):
            picture = _png(data)
            if picture is not None:
                return picture
        elif data[:2] in (b"P5", b"P6"):
            return _pnm(data)
        return _with_pillow(path)
    except (ValueError, struct.error, zlib.error, IndexError) as error:
        raise InputError(f"the picture is damaged: {error}", file=str(path)) from error


def _with_pillow(path: Path) -> Picture:
    try:
        from PIL import Image
    except ImportError:
        raise InputError(
            "reading this format needs Pillow (pip install pillow); PNG and PNM do not", file=str(path)
        ) from None
    try:
        with Image.open(path) as image:
            rgba = np.asarray(image.convert("RGBA"))
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"cannot decode the picture: {error}", file=str(path)) from error
    return _on_white(rgba)


def _on_white(rgba: npt.NDArray[np.uint8]) -> Picture:
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def _pnm(data: bytes) -> Picture:
    """Binary PGM and PPM with 8-bit samples."""
    fields: list[bytes] = []
    at = 2
    while len(fields) < 3:
        if data[at : at + 1] == b"#":
            at = data.index(b"\n", at) + 1
        elif data[at : at + 1].isspace():
            at += 1
        else:
            end = at
            while end < len(data) and not data[end : end + 1].isspace():
                end += 1
            if end == at:
                raise ValueError("the header ends early")
            fields.append(data[at:end])
            at = end
    width, height, top = (int(field) for field in fields)
    channels = 3 if data[:2] == b"P6" else 1
    if top != 255 or not 0 < width * height <= _MAX_PIXELS:
        raise ValueError(f"size {width}x{height} with samples up to {top}")
    samples = np.frombuffer(data, np.uint8, width * height * channels, at + 1).reshape(height, width, channels)
    return np.repeat(samples, 3 // channels, axis=2)


def _png(data: bytes) -> Picture | None:
    """None for the kinds of PNG that are left to Pillow (16 bits, palettes, interlaced)."""
    at, packed, header = len(_PNG), b"", b""
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            raise ValueError(f"chunk {kind!r} ends early")
        (check,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(kind + body) != check:
            raise ValueError(f"chunk {kind!r} fails its checksum")
        if kind == b"IHDR":
            header = body
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    width, height, bits, color, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    channels = {0: 1, 2: 3, 4: 2, 6: 4}.get(color)
    if bits != 8 or channels is None or interlaced:
        return None
    if not 0 < width * height <= _MAX_PIXELS:
        raise ValueError(f"size {width}x{height}")
    size = height * (1 + width * channels)
    raw = zlib.decompressobj().decompress(packed, size)
    if len(raw) != size:
        raise ValueError("the pixels end early")
    samples = _unfilter(np.frombuffer(raw, np.uint8).reshape(height, -1), channels).reshape(height, width, channels)
    color_part = samples[..., :-1] if channels in (2, 4) else samples
    rgb = np.repeat(color_part, 3, axis=2) if color_part.shape[2] == 1 else color_part
    return (
        _on_white(np.concatenate([rgb, samples[..., -1:]], axis=2)) if channels in (2, 4) else np.ascontiguousarray(rgb)
    )


def _unfilter(rows: npt.NDArray[np.uint8], channels: int) -> npt.NDArray[np.uint8]:
    """Undoes the five scan-line filters (PNG specification, section 9)."""
    out = np.zeros((rows.shape[0] + 1, rows.shape[1] - 1 + channels), np.uint8)  # a zero row above, a zero pixel left
    for y, row in enumerate(rows):
        kind, line = int(row[0]), row[1:]
        above, here = out[y], out[y + 1]
        if kind == 0:
            here[channels:] = line
        elif kind == 1:
            here[channels:] = np.add.accumulate(line.reshape(-1, channels), axis=0, dtype=np.uint8).ravel()
        elif kind == 2:
            here[channels:] = line + above[channels:]
        elif kind in (3, 4):
            predict = _average if kind == 3 else _paeth
            for x in range(len(line)):
                left, up, corner = int(here[x]), int(above[x + channels]), int(above[x])
                here[x + channels] = (int(line[x]) + predict(left, up, corner)) & 255
        else:
            raise ValueError(f"filter {kind}")
    return out[1:, channels:]


def _average(left: int, up: int, _corner: int) -> int:
    return (left + up) // 2


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    distance = (abs(guess - left), abs(guess - up), abs(guess - corner))
    return (left, up, corner)[distance.index(min(distance))]
