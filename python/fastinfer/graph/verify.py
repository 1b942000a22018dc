"""The verifier: names are defined once and before use, nodes are complete, nothing runs in a circle."""

from __future__ import annotations

from collections.abc import Iterable

from fastinfer.errors import CyclicGraphError, GraphError, UnsupportedOperatorError
from fastinfer.graph.ir import Graph, Node
from fastinfer.graph.operators import OPERATORS

_FUSED_INPUTS = {"Conv": 1}  # the residual, which no file has


def verify(graph: Graph) -> Graph:
    """The graph itself, its nodes now in topological order (stable: as the file orders them where that is right).

    Raises GraphError for undefined or doubly defined values, for nodes with too few or too many inputs or outputs or
    without a required input, and CyclicGraphError. Nodes whose outputs nobody reads are fine.
    """
    defined = _definitions(graph)
    for node in graph.nodes:
        _check_arity(graph, node)
        for name in node.inputs:
            if name and name not in defined:
                raise GraphError("the tensor is not defined", file=graph.file, node=node.label(), tensor=name)
    for info in graph.outputs:
        if info.name not in defined:
            raise GraphError("no node makes this output of the graph", file=graph.file, tensor=info.name)
    graph.nodes = sort(graph)
    return graph


def _check_arity(graph: Graph, node: Node) -> None:
    spec = OPERATORS.get(node.op)
    if spec is None:
        raise UnsupportedOperatorError(
            f"no operator {node.op}", operators=(node.op,), file=graph.file, node=node.label()
        )
    least, most = spec.inputs[0], spec.inputs[1] + _FUSED_INPUTS.get(node.op, 0)
    for i in range(least):
        if not node.input(i):
            raise GraphError(f"input {i} of {node.op} is missing", file=graph.file, node=node.label())
    if not any(node.outputs):
        raise GraphError("the node has no output", file=graph.file, node=node.label())
    for kind, names, limit in (("inputs", node.inputs, most), ("outputs", node.outputs, spec.outputs[1])):
        if len(names) > limit:
            reason = f"{node.op} has at most {limit} {kind}, {len(names)} are named"
            raise GraphError(reason, file=graph.file, node=node.label())


def _definitions(graph: Graph) -> set[str]:
    """Every name that the graph defines; GraphError if one is defined twice."""
    defined: set[str] = set()
    _define(graph, defined, (info.name for info in graph.inputs), None)
    _define(graph, defined, graph.weights, None)
    for node in graph.nodes:
        _define(graph, defined, (name for name in node.outputs if name), node)
    return defined


def _define(graph: Graph, defined: set[str], names: Iterable[str], node: Node | None) -> None:
    for name in names:
        if name in defined or not name:
            reason = "the tensor is defined twice" if name else "a tensor has no name"
            raise GraphError(reason, file=graph.file, node=node.label() if node else None, tensor=name or None)
        defined.add(name)


def sort(graph: Graph) -> list[Node]:
    """The nodes so that each follows those it reads: depth first from each node in file order, without recursion."""
    producers = graph.producers()
    order: list[Node] = []
    done: set[int] = set()
    for root in graph.nodes:
        if id(root) in done:
            continue
        path: list[tuple[Node, int]] = [(root, 0)]
        on_path = {id(root)}
        while path:
            node, i = path.pop()
            while i < len(node.inputs):
                producer = producers.get(node.inputs[i])
                i += 1
                if producer is None or id(producer) in done:
                    continue
                if id(producer) in on_path:
                    raise _cycle(graph, [n for n, _ in path] + [node], producer)
                path.append((node, i))
                path.append((producer, 0))
                on_path.add(id(producer))
                break
            else:
                done.add(id(node))
                on_path.discard(id(node))
                order.append(node)
    return order


def _cycle(graph: Graph, path: list[Node], start: Node) -> CyclicGraphError:
    first = next(i for i, node in enumerate(path) if node is start)
    circle = [node.label() for node in path[first:]][::-1]
    shown = " -> ".join(circle[:8]) + (" -> ..." if len(circle) > 8 else f" -> {circle[0]}")
    return CyclicGraphError(f"nodes depend on one another in a circle: {shown}", file=graph.file, node=circle[0])
