"""ONNX files, opset 7 to the newest, to graphs in canonical form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fastinfer.errors import DTypeError, FastinferError, FileFormatError, GraphError, UnsupportedOperatorError
from fastinfer.file.model import ModelFile
from fastinfer.file.onnx import decompose, upgrade  # noqa: F401  (they register their rules)
from fastinfer.file.onnx.attributes import read_attribute
from fastinfer.file.onnx.builder import Builder, FileNode
from fastinfer.file.onnx.external import ExternalFiles
from fastinfer.file.onnx.functions import Inliner, OpsetNode, standard_domain, versions_of
from fastinfer.file.onnx.opsets import check_opsets
from fastinfer.file.onnx.rules import RULES
from fastinfer.file.onnx.schema import GraphProto, ModelProto, ValueInfoProto
from fastinfer.file.onnx.tensor import DTYPES, dtype_of, read_sparse_tensor, read_tensor
from fastinfer.file.protobuf import Reader
from fastinfer.file.source import Source
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Dim, Graph, Node, ValueInfo
from fastinfer.graph.operators import OPERATORS
from fastinfer.graph.verify import verify


def parse_model(buffer: memoryview) -> ModelProto:
    """The file's messages; FileFormatError if it is no ONNX model, TruncatedFileError if it is the start of one."""
    model = ModelProto()
    try:
        Reader(buffer).read(model, 0, len(buffer))
    except FileFormatError as error:
        if model.ir_version == 0:  # every writer puts it first
            raise FileFormatError(f"not an ONNX model ({error.reason})") from None
        raise
    if model.ir_version < 1:
        raise FileFormatError("not an ONNX model (no IR version)")
    if model.graph is None:
        raise FileFormatError("the model has no graph")
    return model


def read_onnx(source: Source) -> ModelFile:
    """The model, wholly read and verified. Every error is a FastinferError that names the file."""
    try:
        return _read(source)
    except FastinferError as error:
        error.located(file=source.path)
        raise


def _read(source: Source) -> ModelFile:
    model = parse_model(source.buffer)
    assert model.graph is not None
    versions = versions_of(model.opset_import)
    versions.setdefault("", 1)  # what files from before opsets mean
    nodes = list(Inliner.of(model.functions, versions).expand(model.graph.node))
    _check_supported(nodes)
    check_opsets(nodes)
    files = ExternalFiles(source.folder)
    return ModelFile(
        verify(_read_graph(model.graph, nodes, files, source.path)),
        "onnx",
        source,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        doc=model.doc_string,
        ir_version=model.ir_version,
        opset=versions[""],
        metadata={entry.key: entry.value for entry in model.metadata_props},
        external_data=files.used,
    )


def _check_supported(nodes: list[OpsetNode]) -> None:
    """UnsupportedOperatorError that lists every operator which is not in the vocabulary, with how often it stands."""
    missing: Counter[str] = Counter()
    for found in nodes:
        node, domain = found.node, standard_domain(found.node.domain)
        if domain or not (node.op_type in OPERATORS or node.op_type in RULES):
            missing[f"{domain}::{node.op_type}" if domain else node.op_type or "(no name)"] += 1
    if missing:
        listed = ", ".join(f"{name} ({count} of {len(nodes)} nodes)" for name, count in sorted(missing.items()))
        raise UnsupportedOperatorError(f"unsupported operators: {listed}", operators=tuple(sorted(missing)))


def _read_graph(proto: GraphProto, nodes: list[OpsetNode], files: ExternalFiles, path: str | None) -> Graph:
    builder = Builder(files, _names(proto, nodes))
    for tensor in proto.initializer:
        if not tensor.name:
            raise GraphError("an initializer has no name")
        builder.add_weight(tensor.name, read_tensor(tensor, files))
    for sparse in proto.sparse_initializer:
        builder.add_weight(*read_sparse_tensor(sparse, files))
    # Up to IR version 3 initializers were inputs too; since then that makes them defaults, which are weights here.
    inputs = [_value_info(info, "input") for info in proto.input if info.name not in builder.weights]
    builder.dtypes.update((info.name, info.dtype) for info in inputs)
    for info in proto.value_info:
        dtype = _declared_dtype(info)
        if dtype is not None:
            builder.dtypes.setdefault(info.name, dtype)
    for found in nodes:
        _read_node(found, builder)
    outputs = [_output_info(info, builder) for info in proto.output]
    if not outputs:
        raise GraphError("the graph has no outputs")
    _give_weights_a_node(outputs, builder)
    return Graph(inputs, outputs, builder.nodes, builder.weights, proto.name, path)


def _names(proto: GraphProto, nodes: list[OpsetNode]) -> set[str]:
    names = {tensor.name for tensor in proto.initializer}
    names.update(sparse.values.name for sparse in proto.sparse_initializer if sparse.values)
    names.update(info.name for infos in (proto.input, proto.output) for info in infos)
    for found in nodes:
        names.update(found.node.input)
        names.update(found.node.output)
    return names


def _read_node(found: OpsetNode, builder: Builder) -> None:
    proto = found.node
    node = FileNode(proto.op_type, found.version, list(proto.input), list(proto.output), {}, proto.name)
    try:
        for attribute in proto.attribute:
            if attribute.name in node.attributes:
                raise node.error(f"attribute {attribute.name} is given twice")
            node.attributes[attribute.name] = read_attribute(attribute, builder.files)
        rule = RULES.get(node.op)
        if rule is None:
            builder.keep(node)
        else:
            rule(node, builder)
    except FastinferError as error:
        error.located(node=node.label())
        raise


def _declared_dtype(info: ValueInfoProto) -> DType | None:
    """The element type that the file declares for a value; None if it declares none that the engine has."""
    tensor = info.type.tensor_type if info.type else None
    return DTYPES.get(tensor.elem_type) if tensor else None


def _value_info(info: ValueInfoProto, role: str) -> ValueInfo:
    try:
        if not info.name:
            raise GraphError(f"an {role} has no name")
        if info.type is None or info.type.tensor_type is None:
            raise DTypeError(f"the {role} is not a tensor (sequences, maps and optionals are not supported)")
        return ValueInfo(info.name, dtype_of(info.type.tensor_type.elem_type), _declared_shape(info))
    except FastinferError as error:
        error.located(tensor=info.name)
        raise


def _output_info(info: ValueInfoProto, builder: Builder) -> ValueInfo:
    """Some writers leave an output's type to inference."""
    known = builder.dtypes.get(info.name)
    if _declared_dtype(info) is None and known is not None and (info.type is None or _is_untyped(info)):
        return ValueInfo(info.name, known, _declared_shape(info))
    return _value_info(info, "output")


def _is_untyped(info: ValueInfoProto) -> bool:
    return info.type is not None and info.type.tensor_type is not None and info.type.tensor_type.elem_type == 0


def _declared_shape(info: ValueInfoProto) -> tuple[Dim, ...] | None:
    """Sizes, and names for those that the caller chooses; a dimension without either gets a name of its own."""
    tensor = info.type.tensor_type if info.type else None
    if tensor is None or tensor.shape is None:
        return None
    dims: list[Dim] = []
    for i, dim in enumerate(tensor.shape.dim):
        if dim.dim_value is not None and dim.dim_value >= 0:
            dims.append(dim.dim_value)
        else:  # negative sizes stand for "any" in files of some writers
            dims.append(dim.dim_param or f"{info.name}_{i}")
    return tuple(dims)


def _give_weights_a_node(outputs: Iterable[ValueInfo], builder: Builder) -> None:
    """An output that is a weight becomes an Identity of it, so that outputs are always made by nodes."""
    for info in outputs:
        if info.name in builder.weights:
            name = builder.fresh(f"{info.name}/weight")
            builder.weights[name] = builder.weights.pop(info.name)
            for node in builder.nodes:
                node.inputs[:] = [name if given == info.name else given for given in node.inputs]
            builder.nodes.append(Node("Identity", [name], [info.name]))
