"""Sizes of the literature: AlexNet's and VGG-16's files at the published densities, SqueezeNet in 6 bits."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from PIL import Image

import fastinfer
from assets import DATA, require
from fastinfer.compress import deep_compression
from fastinfer.compress.codebook import coded_weight
from fastinfer.file.fi import fi_bytes
from fastinfer.file.fi.writer import stored_bytes
from models import nets

ALEXNET = [
    ((96, 363), 0.84), ((256, 1200), 0.38), ((384, 2304), 0.35), ((384, 1728), 0.37), ((256, 1728), 0.37),
    ((4096, 9216), 0.09), ((4096, 4096), 0.09), ((1000, 4096), 0.25),
]  # fmt: skip
VGG16 = [
    ((64, 27), 0.58), ((64, 576), 0.22), ((128, 576), 0.34), ((128, 1152), 0.36), ((256, 1152), 0.53),
    ((256, 2304), 0.24), ((256, 2304), 0.42), ((512, 2304), 0.32), ((512, 4608), 0.27), ((512, 4608), 0.34),
    ((512, 4608), 0.35), ((512, 4608), 0.29), ((512, 4608), 0.36),
    ((4096, 25088), 0.04), ((4096, 4096), 0.04), ((1000, 4096), 0.23),
]  # fmt: skip
Layers = list[tuple[tuple[int, int], float]]


def ratios(layers: Layers, rows_at_once: int = 128) -> tuple[float, float]:
    """dense / stored bytes, biases counted, before and after Huffman: 8-bit codes of convolutions (layers but the last
    three), 5-bit ones of the rest, 5-bit gaps, survivors at random places with values of a Gaussian without its middle,
    shared evenly over their range. Long layers are a sample of their rows, scaled."""
    rng = np.random.default_rng(0)
    dense = coded = entropy_coded = 0.0
    for i, ((rows, columns), density) in enumerate(layers):
        bits = 8 if i < len(layers) - 3 else 5
        shape = (min(rows, rows_at_once), columns)
        values = np.abs(rng.standard_normal(shape)) + 1 / (1 + 2 * density)
        levels = 2 ** (bits - 1) - 1
        labels = np.minimum(values / 5 * levels, levels - 1).astype(np.int64) + levels * rng.integers(0, 2, shape)
        labels[rng.random(shape) >= density] = -1
        share, biases = rows / shape[0], 4 * rows
        codebook = 4 * 2**bits
        dense += 4 * rows * columns + biases
        plain = coded_weight(labels, np.arange(2 * levels, dtype=np.float32), bits, 5, False)
        packed = coded_weight(labels, np.arange(2 * levels, dtype=np.float32), bits, 5, True)
        coded += (plain.nbytes - plain.codebook.nbytes) * share + codebook + biases
        entropy_coded += (stored_bytes("w", packed) - packed.codebook.nbytes) * share + codebook + biases
    return dense / coded, dense / entropy_coded


@pytest.mark.parametrize(("layers", "published"), [(ALEXNET, 26), (VGG16, 31)], ids=["alexnet", "vgg16"])
def test_ratios_at_the_published_densities(layers: Layers, published: int) -> None:
    before, after = ratios(layers)
    print(f"{before:.2f}x before Huffman, {after:.2f}x after")
    assert before >= published
    assert after > 1.05 * before


def mosaics(count: int) -> list[np.ndarray]:
    """Calibration pictures that are none of the photographs: CIFAR-10's, one, 2 x 2, 4 x 4 and 7 x 7 on a picture, as
    SqueezeNet takes them."""
    with np.load(require(DATA / "cifar10_train.npz")) as file:
        data, offset = file["jpeg"], file["offset"]
    rng = np.random.default_rng(0)

    def tile(size: int) -> np.ndarray:
        i = int(rng.integers(len(offset) - 1))
        image = Image.open(io.BytesIO(data[offset[i] : offset[i + 1]].tobytes())).convert("RGB")
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC), np.float32)

    made = []
    for i in range(count):
        side = (1, 2, 4, 7)[i % 4]
        size = math.ceil(227 / side)
        rows = [np.concatenate([tile(size) for _ in range(side)], axis=1) for _ in range(side)]
        bgr = np.concatenate(rows)[:227, :227, ::-1] - np.array([104, 117, 123], np.float32)
        made.append(bgr.transpose(2, 0, 1))
    return [np.stack(made[i : i + 8]) for i in range(0, count, 8)]


@pytest.mark.native
def test_squeezenet_in_6_bits() -> None:
    """The published network re-clustered without training: under 430,000 bytes, 130 of 200 photographs (132 before)."""
    net = fastinfer.load(require(DATA / "squeezenet_deepcompression" / "compressed_SqueezeNet.net"))
    small = deep_compression(net, bits=6, index_bits=5, calibration=mosaics(32), rate=0.0055, bias_bits=16)
    assert len(fi_bytes(small.graph)) < 430_000
    files, labels = nets.photographs()
    x = nets.load_all(files, nets.for_squeezenet)
    found = np.concatenate([small(x[i : i + 20]) for i in range(0, len(x), 20)])
    right = nets.right(found.reshape(len(found), -1), labels, 1)
    print(f"{len(fi_bytes(small.graph))} bytes, {right} right")
    assert right >= 130
