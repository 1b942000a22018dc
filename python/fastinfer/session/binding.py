"""Binding: from a graph and concrete inputs to stages, each a program and what must happen before the next one.

A stage is as many nodes as can be lowered at once. It ends where a shape depends on a value that only running tells, or
at a node whose output size depends on its data. Values that feed shapes are folded on the way through the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from fastinfer.errors import FastinferError, MemoryLimitError
from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.dtype import DType
from fastinfer.graph.infer import NeedRun, NeedValue, infer_node
from fastinfer.graph.ir import Graph, Node, TensorType, ValueInfo
from fastinfer.graph.weight import Array, DenseWeight
from fastinfer.passes import LayoutCosts, assign_layouts, specialize
from fastinfer.plan.lower import lower_graph
from fastinfer.plan.records import Program
from fastinfer.reference import FUNCTIONS, evaluate
from fastinfer.session.options import MEMORY_LIMIT

FOLD_LIMIT = 1 << 20  # bytes that a value folded at binding may take more than its inputs
FEED_LIMIT = 4096  # elements of a graph input that may become part of the plan's key


# Inputs that steps take as attributes, though no shape depends on them.
_KNOWN_INPUTS = {"CumSum": (1,), "Pad": (2,), "Trilu": (1,)}


class NeedFeed(Exception):
    """Shapes depend on the elements of these tensors, which are at hand: bind again, knowing them."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(f"shapes depend on the values of {sorted(names)}")
        self.names = names


@dataclass(slots=True)
class Stage:
    """Nodes [start, stop) of the graph, lowered."""

    start: int
    stop: int
    program: Program | None  # None: there is nothing to compute
    inputs: tuple[str, ...]  # arrays that the program takes, in its order
    outputs: tuple[tuple[str, TensorType], ...]  # arrays that it makes
    constants: dict[str, Array]  # values that later stages or the caller want, known at binding
    need: str | None = None  # the value (made by now) that the next stage must know
    dynamic: Node | None = None  # the node to be run next, by itself


@dataclass(slots=True)
class _Walk:
    """What is known while the nodes of a stage are walked."""

    types: dict[str, TensorType]
    values: dict[str, Array]  # folded or fed
    nodes: list[Node] = field(default_factory=list)


class Binder:
    """Binds one optimized graph, again and again. No tensor may take more bytes than `memory_limit`."""

    def __init__(self, graph: Graph, memory_limit: int = MEMORY_LIMIT, layout_costs: LayoutCosts | None = None) -> None:
        self.graph = graph
        self._layout_costs = layout_costs
        self._memory_limit = memory_limit
        self.derived = DerivedWeights(graph.weights.values())
        self._weight_types = {
            name: TensorType(DType.F32 if weight.dtype is DType.F16 else weight.dtype, weight.shape)
            for name, weight in graph.weights.items()
        }
        self._last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs if name}
        for name in graph.output_names():
            self._last_use[name] = len(graph.nodes)

    def live(self, name: str, position: int) -> bool:
        """Whether nodes from `position` on, or the caller, read the value."""
        return self._last_use.get(name, -1) >= position

    def bind(self, start: int, env: Mapping[str, TensorType], fed: Mapping[str, Array]) -> Stage:
        """The stage that begins at node `start`, given the arrays that exist and those whose elements may be used.

        Raises NeedFeed if elements of more of env's arrays are needed, and FastinferError.
        """
        walk = _Walk({**self._weight_types, **env}, dict(fed))
        need: str | None = None
        dynamic: Node | None = None
        stop = start
        for stop in range(start, len(self.graph.nodes)):
            node = self.graph.nodes[stop]
            try:
                self._visit(node, walk)
            except NeedValue as reason:
                need = self._resolve(reason.name, walk, env)
                break
            except NeedRun as reason:
                dynamic = reason.node
                break
            except FastinferError as error:
                raise error.located(file=self.graph.file) from None
        else:
            stop = len(self.graph.nodes)
        try:
            return self._stage(start, stop, walk, env, need, dynamic)
        except FastinferError as error:
            raise error.located(file=self.graph.file) from None

    def walk(self, env: Mapping[str, TensorType]) -> tuple[dict[str, TensorType], dict[str, Array]]:
        """Every value's type, and the values that are known, for inputs of these types.

        Raises NeedFeed or NeedRun where shapes depend on data, and FastinferError.
        """
        walk = _Walk({**self._weight_types, **env}, {})
        for node in self.graph.nodes:
            try:
                self._visit(node, walk)
            except NeedValue as reason:
                raise NeedFeed(frozenset((reason.name,))) from None
        return walk.types, walk.values

    def _visit(self, node: Node, walk: _Walk) -> None:
        """Infer the node's types; fold it if all it reads is known."""

        def value_of(name: str) -> Array | None:
            return self._value(name, walk)

        if node.op == "Shape":
            (kind,) = infer_node(node, walk.types, value_of)
            shape = walk.types[node.inputs[0]].shape
            begin, end = node.attributes.get("start", 0), node.attributes.get("end")
            walk.values[node.outputs[0]] = np.asarray(shape[begin:end], np.int64)
            walk.types[node.outputs[0]] = kind
            return
        outputs = infer_node(node, walk.types, value_of)
        for i in _KNOWN_INPUTS.get(node.op, ()):
            if node.input(i) and value_of(node.inputs[i]) is None:
                raise NeedValue(node.inputs[i])
        for name, kind in zip(node.outputs, outputs, strict=True):
            if name:
                self._check_size(node, name, kind)
                walk.types[name] = kind
        if node.op == "EyeLike" and self._worth_folding(node, outputs, walk):  # its input lends its shape only
            like = np.zeros(outputs[0].shape, outputs[0].dtype.numpy)
            walk.values[node.outputs[0]] = evaluate(node, [like])[0]
            return
        known = all(not name or name in walk.values or name in self.graph.weights for name in node.inputs)
        if not known or not self._worth_folding(node, outputs, walk):
            walk.nodes.append(node)
            return
        arrays = [self._value(name, walk) if name else None for name in node.inputs]
        for name, array in zip(node.outputs, evaluate(node, arrays), strict=False):
            if name:
                walk.values[name] = array

    def _check_size(self, node: Node, name: str, kind: TensorType) -> None:
        """Here, and not only when the plan is placed: lowering takes time and memory by the length of an axis."""
        size = prod(kind.shape) * kind.dtype.numpy.itemsize
        if size > self._memory_limit:
            reason = f"shape {kind.shape} of {kind.dtype.value} takes {size} bytes; the limit is {self._memory_limit}"
            raise MemoryLimitError(reason, file=self.graph.file, node=node.label(), tensor=name)

    def _worth_folding(self, node: Node, outputs: list[TensorType], walk: _Walk) -> bool:
        if node.op not in FUNCTIONS:
            return False
        made = sum(prod(kind.shape) * kind.dtype.numpy.itemsize for kind in outputs)
        read = sum(prod(kind.shape) for kind in (walk.types[name] for name in node.inputs if name))
        return made <= FOLD_LIMIT and read <= FOLD_LIMIT

    def _value(self, name: str, walk: _Walk) -> Array | None:
        value = walk.values.get(name)
        if value is None:
            weight = self.graph.weights.get(name)
            value = None if weight is None else weight.dense()
            if value is not None and value.dtype == np.float16:
                value = value.astype(np.float32)
        return value

    def _resolve(self, name: str, walk: _Walk, env: Mapping[str, TensorType]) -> str:
        """How the value can be known: from arrays at hand (NeedFeed), or by running the stage up to here."""
        producers = {output: node for node in walk.nodes for output in node.outputs}
        roots, todo, seen = set(), [name], set()
        while todo:
            current = todo.pop()
            if current in seen or current in walk.values or current in self.graph.weights:
                continue
            seen.add(current)
            if current in producers:
                todo.extend(source for source in producers[current].inputs if source)
            else:
                roots.add(current)
        if roots and all(prod(env[root].shape) <= FEED_LIMIT for root in roots):
            raise NeedFeed(frozenset(roots))
        if name in env:
            raise NeedFeed(frozenset((name,)))
        return name

    def _stage(
        self,
        start: int,
        stop: int,
        walk: _Walk,
        env: Mapping[str, TensorType],
        need: str | None,
        dynamic: Node | None,
    ) -> Stage:
        made = {name for node in walk.nodes for name in node.outputs if name}
        wanted = {name for name in made if self.live(name, stop)} | ({need} if need else set())
        constants = {name: array for name, array in walk.values.items() if name not in env and self.live(name, stop)}
        used = {name for node in walk.nodes for name in node.inputs if name}
        weights = {name: self.graph.weights[name] for name in used if name in self.graph.weights}
        weights.update(
            (name, DenseWeight(np.require(walk.values[name], requirements="C"))) for name in used if name in walk.values
        )
        graph = Graph(
            [ValueInfo(name, env[name].dtype, env[name].shape) for name in env if name in used and name not in weights],
            [ValueInfo(name, walk.types[name].dtype, walk.types[name].shape) for name in sorted(wanted & made)],
            walk.nodes,
            weights,
            self.graph.name,
            self.graph.file,
        ).copy()
        if not graph.outputs:
            return Stage(start, stop, None, (), (), constants, need, dynamic)
        types = walk.types
        specialize(graph, types, self.derived)
        read = {name for node in graph.nodes for name in node.inputs}
        graph.inputs = [info for info in graph.inputs if info.name in read]
        layouts = assign_layouts(graph, types, self.derived, self._layout_costs)
        program = lower_graph(graph, types, layouts, self.derived)
        return Stage(
            start,
            stop,
            program,
            tuple(info.name for info in graph.inputs),
            tuple((info.name, types[info.name]) for info in graph.outputs),
            constants,
            need,
            dynamic,
        )
