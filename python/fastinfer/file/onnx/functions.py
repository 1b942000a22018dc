"""Model-local functions, inlined: a call becomes the function's nodes under names of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fastinfer.errors import GraphError
from fastinfer.file.onnx.schema import AttributeProto, FunctionProto, NodeProto, OperatorSetId

_DEPTH_LIMIT = 32  # calls within calls
_NODE_LIMIT = 1 << 18  # nodes after inlining: ten functions that call one another ten times are 10^10 nodes

_Key = tuple[str, str, str]


@dataclass(slots=True)
class OpsetNode:
    """A node of the inlined graph, with the opset version of its domain (0 if the domain is not imported)."""

    node: NodeProto
    version: int


def standard_domain(domain: str) -> str:
    """ai.onnx is the long name of the empty, standard domain."""
    return "" if domain == "ai.onnx" else domain


def versions_of(imports: list[OperatorSetId]) -> dict[str, int]:
    return {standard_domain(opset.domain): opset.version for opset in imports}


@dataclass(slots=True)
class Inliner:
    """Expands the calls of one model's functions."""

    functions: dict[_Key, FunctionProto]
    versions: dict[str, int]
    _calls: int = 0
    _nodes: int = field(default=0)

    @classmethod
    def of(cls, functions: list[FunctionProto], versions: dict[str, int]) -> Inliner:
        found: dict[_Key, FunctionProto] = {}
        for function in functions:
            key = (standard_domain(function.domain), function.name, function.overload)
            if key in found:
                raise GraphError(f"function {function.name!r} of domain {function.domain!r} is defined twice")
            found[key] = function
        return cls(found, versions)

    def expand(self, nodes: list[NodeProto]) -> Iterator[OpsetNode]:
        """The nodes in order, each call replaced by the nodes of its function."""
        yield from self._expand(nodes, self.versions, 0)

    def _expand(self, nodes: list[NodeProto], versions: dict[str, int], depth: int) -> Iterator[OpsetNode]:
        for node in nodes:
            domain = standard_domain(node.domain)
            function = self.functions.get((domain, node.op_type, node.overload)) if self.functions else None
            if function is not None:
                if depth == _DEPTH_LIMIT:
                    raise GraphError(f"functions call one another more than {_DEPTH_LIMIT} deep", node=node.name)
                inner = {**versions, **versions_of(function.opset_import)}
                yield from self._expand(self._body(function, node), inner, depth + 1)
                continue
            self._nodes += 1
            if self._nodes > _NODE_LIMIT:
                raise GraphError(f"the graph has more than {_NODE_LIMIT} nodes")
            yield OpsetNode(node, versions.get(domain, 0))

    def _body(self, function: FunctionProto, call: NodeProto) -> list[NodeProto]:
        """The function's nodes with the call's values and attributes in the place of its own."""
        if len(call.input) > len(function.input) or len(call.output) > len(function.output):
            raise GraphError(f"a call of function {function.name!r} has too many inputs or outputs", node=call.name)
        self._calls += 1
        self._nodes += 1  # a call costs something even if its function is empty
        if self._nodes > _NODE_LIMIT:
            raise GraphError(f"the graph has more than {_NODE_LIMIT} nodes")
        prefix = f"{call.name or function.name}/{self._calls}/"
        names = {"": ""}
        names.update(zip(function.input, call.input + [""] * len(function.input), strict=False))
        passed_through = []
        for inner, outer in zip(function.output, call.output, strict=False):
            if outer and inner in function.input:
                passed_through.append(NodeProto([names[inner]], [outer], prefix + inner, "Identity"))
            elif outer:
                names[inner] = outer
        given = {a.name: a for a in function.attribute_proto} | {a.name: a for a in call.attribute}
        body = []
        for node in function.node:
            body.append(
                NodeProto(
                    [names.setdefault(name, prefix + name) for name in node.input],
                    [names.setdefault(name, prefix + name) for name in node.output],
                    prefix + (node.name or node.op_type),
                    node.op_type,
                    [a for a in (_bound(a, given) for a in node.attribute) if a is not None],
                    node.domain,
                    node.overload,
                )
            )
        return body + passed_through


def _bound(attribute: AttributeProto, given: dict[str, AttributeProto]) -> AttributeProto | None:
    """The attribute itself, or what the call gives for the name that it refers to (None: nothing)."""
    if not attribute.ref_attr_name:
        return attribute
    value = given.get(attribute.ref_attr_name)
    if value is None:
        return None
    bound = AttributeProto(
        attribute.name, value.f, value.i, value.s, value.t, value.g, value.floats, value.ints, value.strings
    )
    bound.type, bound.sparse_tensor = value.type, value.sparse_tensor
    return bound
