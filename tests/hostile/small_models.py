"""Small valid models that between them use every part of the ONNX reader: what the mutations start from."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

node = helper.make_node


def _model(
    nodes: list[onnx.NodeProto], shape: Any, weights: dict[str, Any], opset: int, out: Any = None
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def classifier() -> onnx.ModelProto:
    """Convolutions, batch norm, pooling, concatenation, a fully connected layer."""
    weights = {"w1": _random(4, 3, 3, 3), "b1": _random(4), "w2": _random(4, 1, 3, 3), "w3": _random(5, 8)}
    weights |= {name: np.abs(_random(4)) for name in ("scale", "bias", "mean", "var")}
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", strides=[2, 2], pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
        node("BatchNormalization", ["c1", "scale", "bias", "mean", "var"], ["n1"], "norm1", epsilon=1e-3),
        node("Relu", ["n1"], ["r1"], "relu1"),
        node("Conv", ["r1", "w2"], ["c2"], "depthwise", group=4, auto_pad="SAME_UPPER", dilations=[1, 1]),
        node("MaxPool", ["r1"], ["p1"], "pool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], ceil_mode=1),
        node("Concat", ["c2", "p1"], ["cat"], "concat", axis=1),
        node("GlobalAveragePool", ["cat"], ["gap"], "gap"),
        node("Flatten", ["gap"], ["flat"], "flat", axis=1),
        node("Gemm", ["flat", "w3"], ["fc"], "fc", transB=1, alpha=0.5),
        node("Softmax", ["fc"], ["y"], "softmax", axis=-1),
    ]
    return _model(nodes, ("N", 3, 8, 8), weights, 17, ("N", 5))


def old_forms() -> onnx.ModelProto:
    """Opset 9: attributes that are inputs today, and operators that are written out."""
    nodes = [
        node("Clip", ["x"], ["a"], "clip", min=-1.0, max=1.0),
        node("Pad", ["a"], ["b"], "pad", pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.5),
        node("Upsample", ["b", "scales"], ["c"], "up", mode="nearest"),
        node("Slice", ["c"], ["d"], "slice", axes=[2, 3], starts=[1, 1], ends=[7, -1]),
        node("Split", ["d"], ["e", "f"], "split", axis=1, split=[1, 2]),
        node("Dropout", ["f"], ["g"], "dropout", ratio=0.5),
        node("Mean", ["e", "g", "g"], ["h"], "mean"),
        node("Softmax", ["h"], ["i"], "softmax", axis=1),
        node("Unsqueeze", ["i"], ["j"], "unsqueeze", axes=[0]),
        node("ReduceSum", ["j"], ["k"], "reduce", axes=[0, 4], keepdims=0),
        node("TopK", ["k"], ["y", "indices"], "top", axis=2, k=2),
    ]
    return _model(nodes, (1, 3, 4, 4), {"scales": np.array([1, 1, 2, 2], np.float32)}, 9)


def shapes() -> onnx.ModelProto:
    """Shape arithmetic, constants, casts, indexing: what exporters write around a Reshape."""
    nodes = [
        node("Shape", ["x"], ["s"], "shape"),
        node("Gather", ["s", "zero"], ["n"], "gather", axis=0),
        node("Constant", [], ["rest"], "rest", value_ints=[-1]),
        node("Unsqueeze", ["n", "axes"], ["n1"], "unsqueeze"),
        node("Concat", ["n1", "rest"], ["target"], "concat", axis=0),
        node("Reshape", ["x", "target"], ["r"], "reshape"),
        node("Transpose", ["r"], ["t"], "transpose", perm=[1, 0]),
        node("Cast", ["t"], ["half"], "cast", to=TensorProto.FLOAT16),
        node("Cast", ["half"], ["full"], "back", to=TensorProto.FLOAT),
        node("Slice", ["full", "starts", "ends"], ["cut"], "slice"),
        node("Resize", ["x", "", "", "sizes"], ["big"], "resize", mode="linear"),
        node("ReduceMean", ["big", "axes23"], ["small"], "reduce", keepdims=1),
        node("ConstantOfShape", ["target2"], ["ones"], "ones", value=numpy_helper.from_array(np.ones(1, np.float32))),
        node("Where", ["mask", "ones", "cut"], ["z"], "where"),
        node("Add", ["z", "small"], ["y"], "add"),
    ]
    weights = {
        "zero": np.array(0),
        "axes": np.array([0]),
        "starts": np.array([0, 0]),
        "ends": np.array([4, 1]),
        "sizes": np.array([1, 2, 6, 8]),
        "axes23": np.array([2, 3]),
        "target2": np.array([4, 1]),
        "mask": np.array([[True], [False], [True], [False]]),
    }
    return _model(nodes, (1, 2, 3, 4), weights, 18)


def functions() -> onnx.ModelProto:
    """A local function with an attribute, a sparse weight, and tensors in typed fields."""
    leaky = node("LeakyRelu", ["a"], ["t"], "leaky")
    leaky.attribute.append(onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope"))
    body = helper.make_function(
        "f",
        "Block",
        ["a", "k"],
        ["b"],
        [leaky, node("Mul", ["t", "k"], ["b"])],
        [helper.make_opsetid("", 17)],
        ["slope"],
    )
    nodes = [
        node("Block", ["x", "w"], ["h"], "block", domain="f", slope=0.1),
        node("Block", ["h", "sparse"], ["g"], "block2", domain="f", slope=0.2),
        node("Gather", ["g", "index"], ["y"], "gather", axis=1),
    ]
    made = _model(nodes, (2, 3), {}, 17)
    made.graph.initializer.append(helper.make_tensor("w", TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]))
    made.graph.initializer.append(helper.make_tensor("index", TensorProto.INT64, [2], [0, 300 - 299]))
    values = helper.make_tensor("sparse", TensorProto.FLOAT, [1], [5.0])
    made.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, [1], [2]), [3])
    )
    made.opset_import.append(helper.make_opsetid("f", 1))
    made.functions.append(body)
    return made


MODELS = {made.__name__: made for made in (classifier, old_forms, shapes, functions)}
