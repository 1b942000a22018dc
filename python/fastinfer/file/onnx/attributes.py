"""Attributes: from AttributeProto to plain values, and their check against the canonical vocabulary."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastinfer.errors import AttributeValueError, FastinferError
from fastinfer.file.onnx.external import ExternalFiles
from fastinfer.file.onnx.schema import AttributeProto, SparseTensorProto
from fastinfer.file.onnx.tensor import read_tensor
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import OPERATORS, AttributeSpec

_FLOAT, _INT, _STRING, _TENSOR, _GRAPH, _FLOATS, _INTS, _STRINGS, _SPARSE = 1, 2, 3, 4, 5, 6, 7, 8, 11


class Subgraph:
    """Stands for a GRAPH attribute. Operators that hold one are refused, so nothing looks inside."""


def read_attribute(proto: AttributeProto, files: ExternalFiles) -> Any:
    """int, float, str, list of them, array, SparseTensorProto or Subgraph, as the attribute's type says."""
    kind = proto.type or _guessed_type(proto)
    if kind == _FLOAT:
        return proto.f
    if kind == _INT:
        return proto.i
    if kind == _STRING:
        return _text(proto, proto.s)
    if kind == _FLOATS:
        return proto.floats
    if kind == _INTS:
        return proto.ints
    if kind == _STRINGS:
        return [_text(proto, s) for s in proto.strings]
    if kind == _TENSOR and proto.t is not None:
        try:
            return read_tensor(proto.t, files)
        except FastinferError as error:
            error.reason = f"attribute {proto.name}: {error.reason}"
            raise
    if kind == _SPARSE and isinstance(proto.sparse_tensor, SparseTensorProto):
        return proto.sparse_tensor
    if kind == _GRAPH:
        return Subgraph()
    raise AttributeValueError(f"attribute {proto.name} of type number {kind} cannot be read")


def _guessed_type(proto: AttributeProto) -> int:
    """Files of IR version 1 name no type: it is that of the field which is there."""
    if proto.t is not None:
        return _TENSOR
    if proto.g is not None:
        return _GRAPH
    present = ((_FLOATS, proto.floats), (_INTS, proto.ints), (_STRINGS, proto.strings), (_STRING, proto.s))
    for kind, value in (*present, (_FLOAT, proto.f)):
        if value:
            return kind
    return _INT


def _text(proto: AttributeProto, value: memoryview) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        raise AttributeValueError(f"attribute {proto.name} is not UTF-8") from None


def check_attributes(node: Node) -> None:
    """AttributeValueError unless the node's attributes are those of its operator, of the right type and in range."""
    specs = OPERATORS[node.op].attributes
    for name, value in node.attributes.items():
        spec = specs.get(name)
        reason = "is not known" if spec is None else _fault(spec, value)
        if reason:
            raise AttributeValueError(f"attribute {name} of {node.op} {reason}", node=node.label())
    for name, spec in specs.items():
        if spec.required and name not in node.attributes:
            raise AttributeValueError(f"attribute {name} of {node.op} is missing", node=node.label())


def _fault(spec: AttributeSpec, value: Any) -> str | None:
    """What is wrong with the value, or None."""
    if not _is_of_kind(spec.kind, value):
        return f"must be of kind {spec.kind}, not {_shown(value)}"
    if spec.allowed is not None and value not in spec.allowed:
        return f"must be one of {', '.join(map(str, spec.allowed))}, not {_shown(value)}"
    if spec.kind in ("int", "ints"):
        for number in value if spec.kind == "ints" else (value,):
            if spec.minimum is not None and number < spec.minimum:
                return f"must be at least {spec.minimum}, not {_shown(value)}"
            if spec.maximum is not None and number > spec.maximum:
                return f"must be at most {spec.maximum}, not {_shown(value)}"
    if spec.kind == "float" and math.isnan(value):
        return "is not a number"
    if spec.kind == "tensor" and value.size != 1:
        return f"must have one element, not {value.size}"
    return None


def _is_of_kind(kind: str, value: Any) -> bool:
    if kind == "int":
        return isinstance(value, int)
    if kind == "float":
        return isinstance(value, float)
    if kind == "string":
        return isinstance(value, str)
    if kind == "dtype":
        return isinstance(value, DType)
    if kind == "tensor":
        return isinstance(value, np.ndarray)
    element = int if kind == "ints" else float
    # An empty list has no type of its own in a file.
    return isinstance(value, list) and all(isinstance(v, element) for v in value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
