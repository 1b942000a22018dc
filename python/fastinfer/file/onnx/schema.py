"""The messages of onnx.proto that a network is made of (github.com/onnx/onnx/blob/main/onnx/onnx.proto).

Only what the reader uses is declared: subgraphs stay undecoded (operators that hold them are refused), and doc strings
inside the graph are skipped. In onnx.proto's names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from fastinfer.file.protobuf import Array, Field, Kind, Message

_EMPTY = memoryview(b"")


@dataclass(slots=True)
class StringStringEntry(Message):
    key: str = ""
    value: str = ""
    FIELDS: ClassVar[dict[int, Field]] = {1: Field("key", Kind.TEXT), 2: Field("value", Kind.TEXT)}


@dataclass(slots=True)
class TensorProto(Message):
    dims: list[int] = field(default_factory=list)
    data_type: int = 0
    segment: memoryview | None = None
    float_data: list[Array] = field(default_factory=list)
    int32_data: list[Array] = field(default_factory=list)
    string_data: list[memoryview] = field(default_factory=list)
    int64_data: list[Array] = field(default_factory=list)
    name: str = ""
    raw_data: memoryview | None = None
    double_data: list[Array] = field(default_factory=list)
    uint64_data: list[Array] = field(default_factory=list)
    external_data: list[StringStringEntry] = field(default_factory=list)
    data_location: int = 0  # 1: external
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("dims", Kind.INTS),
        2: Field("data_type", Kind.INT),
        3: Field("segment", Kind.BYTES),
        4: Field("float_data", Kind.FLOAT_DATA),
        5: Field("int32_data", Kind.VARINT_DATA),
        6: Field("string_data", Kind.BYTES_LIST),
        7: Field("int64_data", Kind.VARINT_DATA),
        8: Field("name", Kind.STRING),
        9: Field("raw_data", Kind.BYTES),
        10: Field("double_data", Kind.DOUBLE_DATA),
        11: Field("uint64_data", Kind.VARINT_DATA),
        13: Field("external_data", Kind.MESSAGES, StringStringEntry),
        14: Field("data_location", Kind.INT),
    }


@dataclass(slots=True)
class SparseTensorProto(Message):
    values: TensorProto | None = None
    indices: TensorProto | None = None
    dims: list[int] = field(default_factory=list)
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("values", Kind.MESSAGE, TensorProto),
        2: Field("indices", Kind.MESSAGE, TensorProto),
        3: Field("dims", Kind.INTS),
    }


@dataclass(slots=True)
class AttributeProto(Message):
    name: str = ""
    f: float = 0.0
    i: int = 0
    s: memoryview = _EMPTY
    t: TensorProto | None = None
    g: memoryview | None = None
    floats: list[float] = field(default_factory=list)
    ints: list[int] = field(default_factory=list)
    strings: list[memoryview] = field(default_factory=list)
    type: int = 0
    ref_attr_name: str = ""
    sparse_tensor: SparseTensorProto | None = None
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("name", Kind.STRING),
        2: Field("f", Kind.FLOAT),
        3: Field("i", Kind.INT),
        4: Field("s", Kind.BYTES),
        5: Field("t", Kind.MESSAGE, TensorProto),
        6: Field("g", Kind.BYTES),
        7: Field("floats", Kind.FLOATS),
        8: Field("ints", Kind.INTS),
        9: Field("strings", Kind.BYTES_LIST),
        20: Field("type", Kind.INT),
        21: Field("ref_attr_name", Kind.STRING),
        22: Field("sparse_tensor", Kind.MESSAGE, SparseTensorProto),
    }


@dataclass(slots=True)
class Dimension(Message):
    dim_value: int | None = None
    dim_param: str = ""
    FIELDS: ClassVar[dict[int, Field]] = {1: Field("dim_value", Kind.INT), 2: Field("dim_param", Kind.STRING)}


@dataclass(slots=True)
class TensorShapeProto(Message):
    dim: list[Dimension] = field(default_factory=list)
    FIELDS: ClassVar[dict[int, Field]] = {1: Field("dim", Kind.MESSAGES, Dimension)}


@dataclass(slots=True)
class TensorTypeProto(Message):
    elem_type: int = 0
    shape: TensorShapeProto | None = None
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("elem_type", Kind.INT),
        2: Field("shape", Kind.MESSAGE, TensorShapeProto),
    }


@dataclass(slots=True)
class TypeProto(Message):
    """A tensor's type; the other kinds (sequence, map, sparse tensor, optional) are only seen to be there."""

    tensor_type: TensorTypeProto | None = None
    sequence_type: memoryview | None = None
    map_type: memoryview | None = None
    sparse_tensor_type: memoryview | None = None
    optional_type: memoryview | None = None
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("tensor_type", Kind.MESSAGE, TensorTypeProto),
        4: Field("sequence_type", Kind.BYTES),
        5: Field("map_type", Kind.BYTES),
        8: Field("sparse_tensor_type", Kind.BYTES),
        9: Field("optional_type", Kind.BYTES),
    }


@dataclass(slots=True)
class ValueInfoProto(Message):
    name: str = ""
    type: TypeProto | None = None
    FIELDS: ClassVar[dict[int, Field]] = {1: Field("name", Kind.STRING), 2: Field("type", Kind.MESSAGE, TypeProto)}


@dataclass(slots=True)
class NodeProto(Message):
    input: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    name: str = ""
    op_type: str = ""
    attribute: list[AttributeProto] = field(default_factory=list)
    domain: str = ""
    overload: str = ""
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("input", Kind.STRINGS),
        2: Field("output", Kind.STRINGS),
        3: Field("name", Kind.STRING),
        4: Field("op_type", Kind.STRING),
        5: Field("attribute", Kind.MESSAGES, AttributeProto),
        7: Field("domain", Kind.STRING),
        8: Field("overload", Kind.STRING),
    }


@dataclass(slots=True)
class OperatorSetId(Message):
    domain: str = ""
    version: int = 0
    FIELDS: ClassVar[dict[int, Field]] = {1: Field("domain", Kind.STRING), 2: Field("version", Kind.INT)}


@dataclass(slots=True)
class FunctionProto(Message):
    name: str = ""
    input: list[str] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    attribute: list[str] = field(default_factory=list)
    node: list[NodeProto] = field(default_factory=list)
    opset_import: list[OperatorSetId] = field(default_factory=list)
    domain: str = ""
    attribute_proto: list[AttributeProto] = field(default_factory=list)
    overload: str = ""
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("name", Kind.STRING),
        4: Field("input", Kind.STRINGS),
        5: Field("output", Kind.STRINGS),
        6: Field("attribute", Kind.STRINGS),
        7: Field("node", Kind.MESSAGES, NodeProto),
        9: Field("opset_import", Kind.MESSAGES, OperatorSetId),
        10: Field("domain", Kind.STRING),
        11: Field("attribute_proto", Kind.MESSAGES, AttributeProto),
        13: Field("overload", Kind.STRING),
    }


@dataclass(slots=True)
class GraphProto(Message):
    node: list[NodeProto] = field(default_factory=list)
    name: str = ""
    initializer: list[TensorProto] = field(default_factory=list)
    input: list[ValueInfoProto] = field(default_factory=list)
    output: list[ValueInfoProto] = field(default_factory=list)
    value_info: list[ValueInfoProto] = field(default_factory=list)
    sparse_initializer: list[SparseTensorProto] = field(default_factory=list)
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("node", Kind.MESSAGES, NodeProto),
        2: Field("name", Kind.TEXT),
        5: Field("initializer", Kind.MESSAGES, TensorProto),
        11: Field("input", Kind.MESSAGES, ValueInfoProto),
        12: Field("output", Kind.MESSAGES, ValueInfoProto),
        13: Field("value_info", Kind.MESSAGES, ValueInfoProto),
        15: Field("sparse_initializer", Kind.MESSAGES, SparseTensorProto),
    }


@dataclass(slots=True)
class ModelProto(Message):
    ir_version: int = 0
    producer_name: str = ""
    producer_version: str = ""
    domain: str = ""
    model_version: int = 0
    doc_string: str = ""
    graph: GraphProto | None = None
    opset_import: list[OperatorSetId] = field(default_factory=list)
    metadata_props: list[StringStringEntry] = field(default_factory=list)
    functions: list[FunctionProto] = field(default_factory=list)
    FIELDS: ClassVar[dict[int, Field]] = {
        1: Field("ir_version", Kind.INT),
        2: Field("producer_name", Kind.TEXT),
        3: Field("producer_version", Kind.TEXT),
        4: Field("domain", Kind.TEXT),
        5: Field("model_version", Kind.INT),
        6: Field("doc_string", Kind.TEXT),
        7: Field("graph", Kind.MESSAGE, GraphProto),
        8: Field("opset_import", Kind.MESSAGES, OperatorSetId),
        14: Field("metadata_props", Kind.MESSAGES, StringStringEntry),
        25: Field("functions", Kind.MESSAGES, FunctionProto),
    }
