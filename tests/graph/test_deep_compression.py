"""The published Deep-Compression SqueezeNet: its counts and sizes, its accuracy, and corrupted copies."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from assets import DATA, require
from fastinfer.errors import FileFormatError, TensorSizeError, TruncatedFileError
from fastinfer.file import open_model
from fastinfer.file.deep_compression import LAYERS
from fastinfer.graph.weight import SparseCodebookWeight

HEADER = 4 * 26
CODEBOOK = HEADER  # where conv1's codebook starts
BIAS = CODEBOOK + 4 * 256
CODES = BIAS + 4 * 96


@pytest.fixture(scope="module")
def path() -> Path:
    return require(DATA / "squeezenet_deepcompression" / "compressed_SqueezeNet.net")


def test_counts(path: Path) -> None:
    found = open_model(path)
    assert found.format == "deep_compression"
    weights = {n: w for n, w in found.graph.weights.items() if n.endswith(".weight")}
    assert len(weights) == 26
    assert all(isinstance(w, SparseCodebookWeight) for w in weights.values())  # undecoded
    assert sum(math.prod(w.shape) for w in weights.values()) == 1_244_448
    assert sum(np.count_nonzero(w.dense()) for w in weights.values()) == 415_921
    biases = sum(w.nbytes for n, w in found.graph.weights.items() if n.endswith(".bias"))
    assert HEADER + biases + sum(w.nbytes for w in weights.values()) == path.stat().st_size == 675_763


def test_decoding_is_the_plain_loop(path: Path) -> None:
    """One entry after the other, as the layout is told: the smallest and the first layer."""
    weights = open_model(path).graph.weights
    for name in ("conv1.weight", "fire2/squeeze1x1.weight"):
        weight = weights[name]
        assert isinstance(weight, SparseCodebookWeight)
        flat = np.zeros(math.prod(weight.shape), np.float32)
        at = -1
        for i, code in enumerate(weight.codes):
            gap = int(weight.gaps[i // 2]) >> (4 * (i % 2)) & 15
            at += gap + 1
            flat[at] = 0 if code == 0 and gap == 15 else weight.codebook[code]
        np.testing.assert_array_equal(weight.dense().ravel(), flat)


def test_bytes_are_recognised_without_a_name(path: Path) -> None:
    found = open_model(path.read_bytes())
    assert found.format == "deep_compression"
    assert found.graph.file is None


def test_the_network(path: Path) -> None:
    graph = open_model(path).graph
    ops = [node.op for node in graph.nodes]
    assert ops.count("Conv") == len(LAYERS) == 26
    assert (ops.count("MaxPool"), ops.count("Concat"), ops[-1]) == (3, 8, "Softmax")
    assert all(node.attributes["ceil_mode"] == 1 for node in graph.nodes if node.op == "MaxPool")
    assert graph.inputs[0].shape == ("N", 3, 227, 227)


def changed(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def test_corrupted_copies(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    count = int.from_bytes(data[:4], "little")
    nan, inf = (np.float32(v).tobytes() for v in (np.nan, np.inf))
    gaps = CODES + count
    faults: list[tuple[bytes, type[Exception], str]] = [
        (data[:-1], TruncatedFileError, "its counts say"),
        (data[: len(data) // 2], TruncatedFileError, "its counts say"),
        (data[:50], TruncatedFileError, "counts alone take 104"),
        (data + b"\0", FileFormatError, "1 bytes follow the last layer"),
        (changed(data, 0, (count - 2).to_bytes(4, "little")), FileFormatError, "3 bytes follow the last layer"),
        (changed(data, 0, (count + 2).to_bytes(4, "little")), TruncatedFileError, "its counts say"),
        (changed(data, 0, b"\xff\xff\xff\xff"), TensorSizeError, "4294967295 stored entries for 14112 weights"),
        (changed(data, 4, bytes(4)), TensorSizeError, "0 stored entries"),
        (changed(data, CODEBOOK + 40, nan), FileFormatError, "codebook holds an infinity or a NaN"),
        (changed(data, BIAS, inf), FileFormatError, "bias holds an infinity or a NaN"),
        (changed(data, gaps, b"\xff" * ((count + 1) // 2)), TensorSizeError, "of 14112"),
        (b"not a network", TruncatedFileError, "counts alone"),
    ]
    for i, (bad, error, reason) in enumerate(faults):
        file = tmp_path / f"{i}.net"
        file.write_bytes(bad)
        with pytest.raises(error, match=reason) as caught:
            open_model(file)
        assert type(caught.value) is error
        assert caught.value.file == str(file)


def test_last_position_is_in_range_and_one_more_is_not(path: Path, tmp_path: Path) -> None:
    """conv1's entries end at some position; raising one gap until they just fit, then by one more."""
    data = path.read_bytes()
    weight = open_model(path).graph.weights["conv1.weight"]
    assert isinstance(weight, SparseCodebookWeight)
    gaps = np.stack((weight.gaps & 15, weight.gaps >> 4), axis=1).ravel()[: len(weight.codes)].astype(np.int64)
    room = math.prod(weight.shape) - int((gaps + 1).sum())
    assert room >= 0
    for extra, fits in ((room, True), (room + 1, False)):
        new, left = gaps.copy(), extra
        for i in range(len(new)):
            step = min(15 - int(new[i]), left)
            new[i] += step
            left -= step
        assert left == 0
        padded = np.append(new, [0] * (len(new) % 2)).astype(np.uint8)
        packed = (padded[0::2] | padded[1::2] << 4).tobytes()
        file = tmp_path / "changed.net"
        file.write_bytes(changed(data, CODES + len(weight.codes), packed))
        if fits:
            assert open_model(file).graph.weights["conv1.weight"].dense().shape == weight.shape
        else:
            with pytest.raises(TensorSizeError, match="lies at position 14112 of 14112"):
                open_model(file)
