"""The published Deep-Compression SqueezeNet (Han et al., ICLR 2016; github.com/songhan/SqueezeNet-Deep-Compression).

The file has weights only; the network is SqueezeNet 1.0 (Iandola et al. 2016) as its Caffe prototxt draws it: pooling
in ceil mode, conv10 padded by 1. Input: N x 3 x 227 x 227, BGR, 0 to 255, minus (104, 117, 123).

Layout, little-endian: 26 uint32 counts n of stored entries, one for each layer; then for each layer 256 float32 of
codebook, a float32 bias for each output channel, n uint8 codes, and ceil(n / 2) bytes of 4-bit gaps (see
SparseCodebookWeight for what they mean). There is no magic number: a file is one of these if its size is what its
counts say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastinfer.errors import FastinferError, FileFormatError, TensorSizeError, TruncatedFileError
from fastinfer.file.model import ModelFile
from fastinfer.file.protobuf import Array
from fastinfer.file.source import Source
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, ValueInfo
from fastinfer.graph.verify import verify
from fastinfer.graph.weight import DenseWeight, SparseCodebookWeight, Weight

_CODEBOOK = 256


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution of SqueezeNet: OIHW weight shape, stride and padding the same on all sides."""

    name: str
    shape: tuple[int, int, int, int]
    stride: int = 1
    pad: int = 0

    def stored_bytes(self, entries: int) -> int:
        return 4 * _CODEBOOK + 4 * self.shape[0] + entries + (entries + 1) // 2


def _fire(name: str, channels: int, squeeze: int, expand: int) -> tuple[Layer, Layer, Layer]:
    return (
        Layer(f"{name}/squeeze1x1", (squeeze, channels, 1, 1)),
        Layer(f"{name}/expand1x1", (expand, squeeze, 1, 1)),
        Layer(f"{name}/expand3x3", (expand, squeeze, 3, 3), pad=1),
    )


_FIRES = (
    _fire("fire2", 96, 16, 64),
    _fire("fire3", 128, 16, 64),
    _fire("fire4", 128, 32, 128),
    _fire("fire5", 256, 32, 128),
    _fire("fire6", 256, 48, 192),
    _fire("fire7", 384, 48, 192),
    _fire("fire8", 384, 64, 256),
    _fire("fire9", 512, 64, 256),
)
_POOLED_AFTER = ("fire4", "fire8")
_FIRST = Layer("conv1", (96, 3, 7, 7), stride=2)
_LAST = Layer("conv10", (1000, 512, 1, 1), pad=1)
LAYERS = (_FIRST, *(layer for fire in _FIRES for layer in fire), _LAST)
_HEADER = 4 * len(LAYERS)


def is_deep_compression(buffer: memoryview) -> bool:
    """Whether the file's size is the one that its counts give."""
    return len(buffer) > _HEADER and len(buffer) == _expected_size(_counts(buffer))


def read_deep_compression(source: Source) -> ModelFile:
    """The network, its weights as they are stored. Every error is a FastinferError that names the file."""
    try:
        graph = _squeezenet(_read_weights(source.buffer))
    except FastinferError as error:
        error.located(file=source.path)
        raise
    graph.file = source.path
    return ModelFile(verify(graph), "deep_compression", source, producer="Deep Compression")


def _counts(buffer: memoryview) -> list[int]:
    return np.frombuffer(buffer[:_HEADER], "<u4").tolist()  # type: ignore[no-any-return]


def _expected_size(counts: list[int]) -> int:
    return _HEADER + sum(layer.stored_bytes(n) for layer, n in zip(LAYERS, counts, strict=True))


def _read_weights(buffer: memoryview) -> dict[str, Weight]:
    """NAME.weight and NAME.bias of every layer."""
    if len(buffer) <= _HEADER:
        raise TruncatedFileError(f"the file has {len(buffer)} bytes; its counts alone take {_HEADER}")
    counts = _counts(buffer)
    for layer, count in zip(LAYERS, counts, strict=True):
        if not 0 < count <= math.prod(layer.shape):
            reason = f"{count} stored entries for {math.prod(layer.shape)} weights"
            raise TensorSizeError(reason, tensor=f"{layer.name}.weight")
    expected = _expected_size(counts)
    if len(buffer) < expected:
        raise TruncatedFileError(f"the file has {len(buffer)} bytes; its counts say {expected}")
    if len(buffer) > expected:
        raise FileFormatError(f"{len(buffer) - expected} bytes follow the last layer")
    weights: dict[str, Weight] = {}
    at = _HEADER
    for layer, count in zip(LAYERS, counts, strict=True):
        size = layer.stored_bytes(count)
        weight, bias = _read_layer(layer, count, buffer[at : at + size])
        weights[f"{layer.name}.weight"], weights[f"{layer.name}.bias"] = weight, bias
        at += size
    return weights


def _read_layer(layer: Layer, count: int, data: memoryview) -> tuple[SparseCodebookWeight, DenseWeight]:
    cout = layer.shape[0]
    numbers = np.frombuffer(data, "<f4", _CODEBOOK + cout).astype(np.float32)  # a copy: the file does not align them
    codebook, bias = numbers[:_CODEBOOK], numbers[_CODEBOOK:]
    codes = np.frombuffer(data, np.uint8, count, numbers.nbytes)
    gaps = np.frombuffer(data, np.uint8, offset=numbers.nbytes + count)
    if not np.isfinite(codebook).all():
        raise FileFormatError("the codebook holds an infinity or a NaN", tensor=f"{layer.name}.weight")
    if not np.isfinite(bias).all():
        raise FileFormatError("the bias holds an infinity or a NaN", tensor=f"{layer.name}.bias")
    end = count + _sum_of_gaps(gaps, count)
    if end > math.prod(layer.shape):
        reason = f"the last stored entry lies at position {end - 1} of {math.prod(layer.shape)}"
        raise TensorSizeError(reason, tensor=f"{layer.name}.weight")
    return SparseCodebookWeight(layer.shape, codebook, codes, gaps), DenseWeight(bias)


def _sum_of_gaps(gaps: Array, count: int) -> int:
    """Over the first `count` nibbles, low ones first."""
    low, high = (gaps & 15).sum(dtype=np.int64), (gaps >> 4).sum(dtype=np.int64)
    return int(low + high) - (int(gaps[-1] >> 4) if count % 2 else 0)


def _squeezenet(weights: dict[str, Weight]) -> Graph:
    nodes: list[Node] = []

    def add(op: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(Node(op, inputs, [output], attributes, output))
        return output

    def convolve(x: str, layer: Layer) -> str:
        attributes = {"kernel_shape": list(layer.shape[2:]), "strides": [layer.stride] * 2, "pads": [layer.pad] * 4}
        y = add("Conv", [x, f"{layer.name}.weight", f"{layer.name}.bias"], layer.name, **attributes)
        return add("Relu", [y], f"{layer.name}/relu")

    def pool(x: str, name: str) -> str:
        return add("MaxPool", [x], name, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    x = pool(convolve("data", _FIRST), "pool1")
    for squeeze, expand1, expand3 in _FIRES:
        name = squeeze.name.split("/")[0]
        squeezed = convolve(x, squeeze)
        x = add("Concat", [convolve(squeezed, expand1), convolve(squeezed, expand3)], f"{name}/concat", axis=1)
        if name in _POOLED_AFTER:
            x = pool(x, f"pool{name[-1]}")
    x = add("GlobalAveragePool", [convolve(x, _LAST)], "pool10")
    add("Softmax", [add("Flatten", [x], "logits", axis=1)], "prob", axis=1)
    inputs = [ValueInfo("data", DType.F32, ("N", 3, 227, 227))]
    return Graph(inputs, [ValueInfo("prob", DType.F32, ("N", 1000))], nodes, weights, "SqueezeNet 1.0")
