"""Our PNG and PNM reading against Pillow's."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest

from fastinfer.cli.image import read_image
from fastinfer.errors import InputError

Image = pytest.importorskip("PIL.Image")


def picture(mode: str, size: tuple[int, int] = (13, 9)) -> object:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    ramp = np.add.outer(np.arange(size[1]) * 7, np.arange(size[0]) * 5)[..., None] + np.arange(channels) * 40
    noise = np.random.default_rng(1).integers(0, 30, ramp.shape)
    samples = ((ramp + noise) % 256).astype(np.uint8)
    return Image.fromarray(samples[..., 0] if channels == 1 else samples, mode)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_png_equals_pillow(mode: str, tmp_path: Path) -> None:
    image = picture(mode)
    path = tmp_path / "x.png"
    image.save(path)
    background = Image.new("RGBA", image.size, "white")
    expected = np.asarray(Image.alpha_composite(background, image.convert("RGBA")).convert("RGB"))
    assert np.abs(read_image(path).astype(int) - expected).max() <= (1 if "A" in mode else 0)


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_every_png_filter(kind: int, tmp_path: Path) -> None:
    """The samples of each filter type, made by its definition, read back the same."""
    samples = np.asarray(picture("RGB")).reshape(9, -1).astype(int)
    left = np.pad(samples, ((0, 0), (3, 0)))[:, :-3]
    up = np.pad(samples, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(samples, ((1, 0), (3, 0)))[:-1, :-3]
    estimate = left + up - corner
    distances = np.stack([abs(estimate - left), abs(estimate - up), abs(estimate - corner)])
    paeth = np.choose(distances.argmin(axis=0), [left, up, corner])
    prediction = [np.zeros_like(samples), left, up, (left + up) // 2, paeth][kind]
    rows = np.pad(((samples - prediction) % 256).astype(np.uint8), ((0, 0), (1, 0)), constant_values=kind)

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    header = (13).to_bytes(4, "big") + (9).to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    assert (read_image(path) == samples.reshape(9, 13, 3)).all()


def test_pnm_and_jpeg(tmp_path: Path) -> None:
    for mode, name in (("L", "x.pgm"), ("RGB", "x.ppm"), ("RGB", "x.jpg")):
        path = tmp_path / name
        picture(mode).save(path)
        assert (read_image(path) == np.asarray(Image.open(path).convert("RGB"))).all()


def test_damaged_pictures_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture("RGB").save(buffer, "png")
    data = buffer.getvalue()
    path = tmp_path / "x.png"
    for cut in range(0, len(data) - 13, 7):
        path.write_bytes(data[:cut])
        with pytest.raises(InputError):
            read_image(path)
    with pytest.raises(InputError, match="cannot read"):
        read_image(tmp_path / "none.png")
