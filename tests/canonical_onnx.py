"""From a canonical graph back to an ONNX model, so that another engine can run what the reader read."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, ValueInfo
from fastinfer.graph.operators import attribute

ONNX_TYPES = {
    DType.F64: TensorProto.DOUBLE,
    DType.F32: TensorProto.FLOAT,
    DType.F16: TensorProto.FLOAT16,
    DType.S64: TensorProto.INT64,
    DType.S32: TensorProto.INT32,
    DType.S16: TensorProto.INT16,
    DType.S8: TensorProto.INT8,
    DType.U64: TensorProto.UINT64,
    DType.U32: TensorProto.UINT32,
    DType.U16: TensorProto.UINT16,
    DType.U8: TensorProto.UINT8,
    DType.BOOL: TensorProto.BOOL,
}


def to_onnx(graph: Graph, opset: int) -> onnx.ModelProto:
    """The same computation as an ONNX model of the given opset."""
    nodes = [made for node in graph.nodes for made in _nodes(node)]
    weights = [numpy_helper.from_array(np.array(w.dense(), order="C"), name) for name, w in graph.weights.items()]
    made = helper.make_graph(
        nodes, "canonical", [_info(i) for i in graph.inputs], [_info(o) for o in graph.outputs], weights
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def _info(info: ValueInfo) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(info.name, ONNX_TYPES[info.dtype], info.shape)


def _nodes(node: Node) -> list[onnx.NodeProto]:
    attributes = {name: _value(value) for name, value in node.attributes.items() if name != "flatten"}
    if not node.attributes.get("flatten"):
        return [helper.make_node(node.op, node.inputs, node.outputs, node.name, **attributes)]
    x, y = node.inputs[0], node.outputs[0]
    return [
        helper.make_node("Flatten", [x], [f"{y}/rows"], axis=attribute(node, "axis")),
        helper.make_node(node.op, [f"{y}/rows"], [f"{y}/soft"], axis=-1),
        helper.make_node("Shape", [x], [f"{y}/shape"]),
        helper.make_node("Reshape", [f"{y}/soft", f"{y}/shape"], [y]),
    ]


def _value(value: object) -> object:
    if isinstance(value, DType):
        return ONNX_TYPES[value]
    return numpy_helper.from_array(np.array(value, order="C")) if isinstance(value, np.ndarray) else value
