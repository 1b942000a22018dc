"""A graph's nodes and edges as JSON values, and back, checked against the vocabulary."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from fastinfer.errors import FileFormatError, UnsupportedOperatorError
from fastinfer.file.onnx.attributes import check_attributes
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, ValueInfo
from fastinfer.graph.operators import OPERATORS


def edge_to_json(info: ValueInfo) -> list[Any]:
    return [info.name, info.dtype.value, None if info.shape is None else list(info.shape)]


def node_to_json(node: Node) -> list[Any]:
    """A node without a fused activation: files hold graphs as readers make them."""
    attributes = {name: _to_json(value) for name, value in sorted(node.attributes.items())}
    return [node.op, node.name, node.inputs, node.outputs, attributes]


def _to_json(value: Any) -> Any:
    if isinstance(value, DType):
        return value.value
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": DType.of(value.dtype).value, "shape": list(value.shape), "data": data}
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, list | tuple):
        return [_to_json(v) for v in value]
    return int(value) if isinstance(value, np.integer | np.bool_) else value


def edge_from_json(value: Any) -> ValueInfo:
    name, dtype, shape = expect_list(value, 3, "an input or output")
    if shape is not None:
        shape = tuple(expect_list(shape, None, "a shape"))
        if not all((isinstance(n, str) and n) or (is_size(n) and n < 1 << 62) for n in shape):
            raise FileFormatError("a dimension is neither a size nor a name", tensor=text(name))
    return ValueInfo(text(name), dtype_from_json(dtype), shape)


def node_from_json(value: Any) -> Node:
    op, name, inputs, outputs, attributes = expect_list(value, 5, "a node")
    if text(op) not in OPERATORS:
        raise UnsupportedOperatorError(f"no operator {op}", operators=(op,), node=text(name))
    node = Node(op, names(inputs), names(outputs), {}, text(name))
    if not isinstance(attributes, dict):
        raise FileFormatError("a node's attributes are no object", node=node.label())
    for key, stored in attributes.items():
        spec = OPERATORS[op].attributes.get(key)
        node.attributes[key] = stored if spec is None else _from_json(spec.kind, stored)
    check_attributes(node)
    return node


def _from_json(kind: str, value: Any) -> Any:
    if kind == "dtype":
        return dtype_from_json(value)
    if kind == "float":
        return _number(value)
    if kind == "floats" and isinstance(value, list):
        return [_number(v) for v in value]
    if kind in ("int", "ints") and isinstance(value, list | int):
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int) and not -(1 << 63) <= number < 1 << 63:
                raise FileFormatError("an integer attribute is out of range")
    if kind == "tensor" and isinstance(value, dict):
        return _tensor(value)
    return value


def _number(value: Any) -> Any:
    return float(value) if value in ("inf", "-inf", "nan") else value


def _tensor(value: dict[str, Any]) -> Any:
    try:
        data = base64.b64decode(text(value.get("data")), validate=True)
        shape = [n for n in expect_list(value.get("shape"), None, "a shape") if is_size(n)]
        return np.frombuffer(data, dtype_from_json(value.get("dtype")).numpy).reshape(shape)
    except ValueError as error:
        raise FileFormatError(f"a tensor attribute cannot be read: {error}") from None


def dtype_from_json(value: Any) -> DType:
    """A type that arrays have."""
    for dtype in DType:
        if dtype.value == value and dtype not in (DType.BF16, DType.S4, DType.U4, DType.BITS):
            return dtype
    raise FileFormatError(f"unknown element type {str(value)[:40]!r}")


def names(value: Any) -> list[str]:
    return [text(name) for name in expect_list(value, None, "a list of names")]


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise FileFormatError(f"a name is no text: {str(value)[:40]!r}")
    return value


def is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def expect_list(value: Any, count: int | None, what: str) -> list[Any]:
    if not isinstance(value, list) or (count is not None and len(value) != count):
        raise FileFormatError(f"{what} is malformed")
    return value


def graph_to_json(graph: Graph) -> dict[str, Any]:
    return {
        "name": graph.name,
        "inputs": [edge_to_json(info) for info in graph.inputs],
        "outputs": [edge_to_json(info) for info in graph.outputs],
        "nodes": [node_to_json(node) for node in graph.nodes],
    }
