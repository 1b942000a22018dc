"""Small ONNX models, made in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import fastinfer


def two_layers(batch: Any = "N", height: Any = "H") -> onnx.ModelProto:
    """conv 3x3 (3 -> 8), relu, global average, Flatten, Gemm (8 -> 5)."""
    random = np.random.default_rng(5)
    weights = {
        "w": random.standard_normal((8, 3, 3, 3)),
        "b": random.standard_normal(8),
        "v": random.standard_normal((8, 5)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], "relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["g"], "pool"),
        helper.make_node("Flatten", ["g"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "v"], ["y"], "dense"),
    ]
    return model_of(nodes, [("x", (batch, 3, height, 8))], ["y"], weights)


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: list[tuple[str, Any]],
    outputs: list[str],
    weights: dict[str, Any] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(w, np.float32), name) for name, w in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def load(model: onnx.ModelProto, **options: Any) -> fastinfer.Model:
    return fastinfer.load(model.SerializeToString(), **options)


def picture(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
