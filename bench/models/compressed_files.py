"""Networks to measure compressed: pruned ONNX files, AlexNet by Deep Compression, and one-layer networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

import fastinfer
from fastinfer.compress import deep_compression
from fastinfer.compress.prune import largest

# Of AlexNet's five convolutions and three fully connected layers (Han et al. 2015).
ALEXNET_DENSITIES = (0.84, 0.38, 0.35, 0.37, 0.37, 0.09, 0.09, 0.25)
CONVOLUTION_BITS, CONNECTED_BITS, GAP_BITS = 8, 5, 5  # its codes and relative indices (Han et al. 2016)

Array = npt.NDArray[Any]


def _groups(node: onnx.NodeProto) -> int:
    return next((int(a.i) for a in node.attribute if a.name == "group"), 1)


def layers(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Convolutions and products with constant weights, in order."""
    constant = {w.name for w in model.graph.initializer}
    found = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm", "MatMul")]
    return [n for n in found if n.input[1] in constant]


def pointwise(model: Path) -> set[str]:
    """Names of the 1x1 convolutions without groups."""
    network = onnx.load(model)
    shapes = {w.name: tuple(w.dims) for w in network.graph.initializer}
    nodes = [n for n in layers(network) if n.op_type == "Conv" and _groups(n) == 1]
    return {n.name for n in nodes if set(shapes[n.input[1]][2:]) == {1}}


def prune(model: Path, out: Path, density: float | Sequence[float]) -> None:
    """Writes the network with only the largest magnitudes of each layer.

    density: one for all layers but the first convolution and the depthwise ones, which stay whole; or each layer's.
    """
    network = onnx.load(model)
    nodes = layers(network)
    if isinstance(density, float):
        first = next(n.name for n in nodes if n.op_type == "Conv")
        densities = [1.0 if n.name == first or _groups(n) > 1 else density for n in nodes]
    else:
        densities = list(density)
    weights = {w.name: w for w in network.graph.initializer}
    for node, share in zip(nodes, densities, strict=True):
        name = node.input[1]
        if share < 1:
            pruned = largest(numpy_helper.to_array(weights[name]), share)
            weights[name].CopyFrom(numpy_helper.from_array(pruned, name))
    onnx.save(network, out)


def compress_alexnet(model: Path, out: Path, huffman: bool) -> None:
    """AlexNet at the published densities and widths of codes, without training, as `.fi`."""
    names = [n.input[1] for n in layers(onnx.load(model))]
    densities = dict(zip(names, ALEXNET_DENSITIES, strict=True))
    bits = {name: CONVOLUTION_BITS if i < 5 else CONNECTED_BITS for i, name in enumerate(names)}
    whole = fastinfer.load(model)
    fastinfer.save(deep_compression(whole, densities, bits, GAP_BITS, huffman), out)


@dataclass(frozen=True)
class Connected:
    """A fully connected layer and the share of its weights that stays."""

    inputs: int
    outputs: int
    density: float

    def __str__(self) -> str:
        return f"{self.inputs}x{self.outputs} at {100 * self.density:.0f} %"


def _save(out: Path, layer: Connected, nodes: list[onnx.NodeProto], weights: dict[str, Array]) -> None:
    """A network from x (1, inputs) to y (1, outputs)."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, layer.inputs))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, layer.outputs))
    initializers = [numpy_helper.from_array(np.asarray(w), name) for name, w in weights.items()]
    graph = helper.make_graph(nodes, "layer", [x], [y], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), out)


def make_connected(layer: Connected, folder: Path, bits: int) -> None:
    """One layer in files of its own: dense.onnx, random weights before pruning; coded.fi, pruned, the rest as codes of
    `bits`; pruned.onnx, the same weights as f32; dynamic.onnx and qdq.onnx, the same in int8, one scale an output, the
    input quantized by its range, or input and product by fixed scales."""
    random = np.random.default_rng(1)  # not the input's (worker.py)
    w = random.standard_normal((layer.outputs, layer.inputs), np.float32) / np.float32(np.sqrt(layer.inputs))
    b = random.standard_normal(layer.outputs, np.float32)
    gemm = helper.make_node("Gemm", ["x", "w", "b"], ["y"], "layer", transB=1)
    _save(folder / "dense.onnx", layer, [gemm], {"w": w, "b": b})
    small = deep_compression(fastinfer.load(folder / "dense.onnx"), layer.density, bits, GAP_BITS)
    fastinfer.save(small, folder / "coded.fi")
    w = small.graph.weights["w"].dense()
    _save(folder / "pruned.onnx", layer, [gemm], {"w": w, "b": b})
    scale = np.abs(w).max(axis=1) / np.float32(127)
    q = np.ascontiguousarray(np.rint(w / scale[:, None]).astype(np.int8).T)  # inputs by outputs
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["xq", "x_scale", "x_zero"]),
        helper.make_node("MatMulInteger", ["xq", "q", "x_zero"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["sums_f32"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x_scale", "scale"], ["both"]),
        helper.make_node("Mul", ["sums_f32", "both"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["y"]),
    ]
    _save(folder / "dynamic.onnx", layer, nodes, {"q": q, "scale": scale, "b": b})
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "x_scale", "x_zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "x_scale", "x_zero"], ["xd"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "q_zero"], ["wd"], axis=1),
        helper.make_node("MatMul", ["xd", "wd"], ["product"]),
        helper.make_node("QuantizeLinear", ["product", "y_scale", "x_zero"], ["yq"]),  # or onnxruntime fuses nothing
        helper.make_node("DequantizeLinear", ["yq", "y_scale", "x_zero"], ["yd"]),
        helper.make_node("Add", ["yd", "b"], ["y"]),
    ]
    fixed = {"x_scale": np.float32(10 / 255), "x_zero": np.uint8(128), "q_zero": np.zeros(layer.outputs, np.int8)}
    fixed["y_scale"] = np.float32(8 / 255)  # of outputs whose deviation is below 1
    _save(folder / "qdq.onnx", layer, nodes, {"q": q, "scale": scale, "b": b, **fixed})
