"""Layers to measure: bench/shapes, and each of them as an ONNX file of its own."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SHAPES = Path(__file__).resolve().parent.parent / "shapes"
PRODUCTS = "products"  # the file of fully connected layers; all others hold convolutions
LAYER, TWIN = "layer", "twin"  # names of nodes

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Convolution:
    """Batch 1: square stride and dilation. The fields are the columns of the files; the last three may be missing."""

    height: int
    width: int
    channels_in: int
    channels_out: int
    kernel_h: int
    kernel_w: int
    stride: int
    pad: int
    groups: int
    dilation: int = 1
    pad_end: int = -1  # at the bottom and on the right; below 0: as `pad`, which is at the top and on the left
    transposed: int = 0  # a ConvTranspose

    def __str__(self) -> str:
        kernel = f"{'transposed ' if self.transposed else ''}{self.kernel_h}x{self.kernel_w}"
        parts = {"s": self.stride, "d": self.dilation, "g": self.groups}
        rest = "".join(f" {letter}{n}" for letter, n in parts.items() if n > 1)
        pads = f" pads {self.pad}, {self.pad_end}" if self.pad_end not in (-1, self.pad) else ""
        return f"{self.channels_in}->{self.channels_out} {kernel}{rest}{pads} at {self.height}x{self.width}"

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.channels_in

    @property
    def pads(self) -> list[int]:
        end = self.pad if self.pad_end < 0 else self.pad_end
        return [self.pad, self.pad, end, end]

    def out_size(self, size: int, kernel: int) -> int:
        """Along one side."""
        extent, pads = (kernel - 1) * self.dilation + 1, self.pads[0] + self.pads[2]
        if self.transposed:
            return (size - 1) * self.stride + extent - pads
        return (size + pads - extent) // self.stride + 1

    @property
    def out_pixels(self) -> int:
        return self.out_size(self.height, self.kernel_h) * self.out_size(self.width, self.kernel_w)

    @property
    def weights(self) -> int:
        return self.channels_out * self.channels_in // self.groups * self.kernel_h * self.kernel_w

    @property
    def macs(self) -> int:
        return self.weights * (self.height * self.width if self.transposed else self.out_pixels)

    @property
    def bytes(self) -> int:
        """Input, output and weights, each once."""
        pixels = self.height * self.width * self.channels_in + self.out_pixels * self.channels_out
        return 4 * (pixels + self.weights)

    def x(self) -> Floats:
        return _random((1, self.channels_in, self.height, self.width), seed=1)

    def model(self, twin: bool = False) -> bytes:
        """With bias and ReLU, as an ONNX file. twin: behind a layer of that kind with weights of its own, which
        reads the same input."""
        sides = [self.channels_out, self.channels_in]
        outer, inner = reversed(sides) if self.transposed else sides
        w = _random((outer, inner // self.groups, self.kernel_h, self.kernel_w))
        w *= np.float32(np.sqrt(self.channels_out / self.weights))
        attributes = {"pads": self.pads, "strides": [self.stride] * 2, "dilations": [self.dilation] * 2}
        operator = "ConvTranspose" if self.transposed else "Conv"
        return _model(operator, self.x().shape, w, self.channels_out, {**attributes, "group": self.groups}, twin)


@dataclass(frozen=True, slots=True)
class Product:
    """A fully connected layer."""

    inputs: int
    outputs: int
    batch: int = 1

    def __str__(self) -> str:
        return f"{self.inputs}->{self.outputs}, batch {self.batch}"

    @property
    def macs(self) -> int:
        return self.batch * self.inputs * self.outputs

    @property
    def weight_bytes(self) -> int:
        return 4 * self.inputs * self.outputs

    def x(self) -> Floats:
        return _random((self.batch, self.inputs), seed=1)

    def model(self) -> bytes:
        """With bias and ReLU, as an ONNX file."""
        w = _random((self.outputs, self.inputs))
        w *= np.float32(1 / np.sqrt(self.inputs))
        return _model("Gemm", self.x().shape, w, self.outputs, {"transB": 1})


Layer = Convolution | Product


def _random(shape: Sequence[int], seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def _model(
    operator: str, x: Sequence[int], w: Floats, outputs: int, attributes: Mapping[str, Any], twin: bool = False
) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    weights = {"w": w, "b": _random((outputs,))}
    nodes = [
        helper.make_node(operator, ["x", "w", "b"], ["c"], LAYER, **attributes),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    if twin:  # its output is read at once, so that the layer's takes its place
        weights["v"] = w[::-1].copy()
        before = helper.make_node(operator, ["x", "v", "b"], ["d"], TWIN, **attributes)
        nodes = [before, helper.make_node("GlobalAveragePool", ["d"], ["z"]), *nodes]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, x)]
    outputs_ = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "z")[: 1 + twin]]
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, LAYER, inputs, outputs_, initializers)
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def counted(net: str) -> dict[Convolution, int]:
    """The convolutions of a network in its order, and how often each occurs."""
    found: dict[Convolution, int] = {}
    for row in _rows(SHAPES / f"{net}.csv"):
        count = int(row.pop("count"))
        layer = Convolution(**{name: int(value) for name, value in row.items()})
        found[layer] = found.get(layer, 0) + count
    return found


def convolutions(nets: Sequence[str] = ()) -> dict[str, list[Convolution]]:
    """Of these networks, or of all files."""
    names = sorted(path.stem for path in SHAPES.glob("*.csv") if path.stem != PRODUCTS)
    return {name: list(counted(name)) for name in names if not nets or name in nets}


def products(nets: Sequence[str] = (), batch: int = 1) -> dict[str, list[Product]]:
    """The fully connected layers of these networks, or of all that have some."""
    found: dict[str, list[Product]] = {}
    for row in _rows(SHAPES / f"{PRODUCTS}.csv"):
        if not nets or row["net"] in nets:
            found.setdefault(row["net"], []).append(Product(int(row["inputs"]), int(row["outputs"]), batch))
    return found
