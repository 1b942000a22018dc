"""Editing a graph: who makes and who reads each value, kept right by the edits made through it."""

from __future__ import annotations

import numpy as np

from fastinfer.graph.ir import Graph, Node
from fastinfer.graph.weight import Array, DenseWeight


class Editor:
    """One pass's hold on a graph. Removed nodes stay in graph.nodes until finish()."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.producers = graph.producers()
        self.outputs = graph.output_names()
        self._readers = graph.consumers()
        self._removed: set[int] = set()
        self._fresh = 0

    def consumers(self, name: str) -> list[Node]:
        """The nodes that read the value; one that reads it twice stands twice."""
        return self._readers.get(name, [])

    def sole_consumer(self, name: str) -> Node | None:
        """The one node that reads the value, once, if nothing else does (the caller neither)."""
        readers = self.consumers(name)
        return readers[0] if len(readers) == 1 and name not in self.outputs else None

    def producer(self, name: str, *ops: str) -> Node | None:
        """The node that makes the value, if it is one of the operators (any, if none are given)."""
        node = self.producers.get(name)
        return node if node is not None and (not ops or node.op in ops) else None

    def private_producer(self, name: str, *ops: str) -> Node | None:
        """The same, if moreover the value has one reader only: then the two nodes may become one."""
        node = self.producer(name, *ops)
        return node if node is not None and self.sole_consumer(name) is not None else None

    def constant(self, name: str) -> Array | None:
        """The elements of a weight, or None if the value is computed or absent."""
        weight = self.graph.weights.get(name)
        return None if weight is None else weight.dense()

    def scalar(self, name: str) -> float | None:
        """The number that a constant of shape () or (1,) holds: it broadcasts without adding axes."""
        weight = self.graph.weights.get(name)
        if weight is None or weight.shape not in ((), (1,)):
            return None
        return float(weight.dense().reshape(-1)[0])

    # Edits

    def add_weight(self, hint: str, array: Array) -> str:
        """A new weight; its name begins with `hint`."""
        name = self.fresh_name(hint)
        self.graph.weights[name] = DenseWeight(np.require(array, requirements="C"))
        return name

    def fresh_name(self, hint: str) -> str:
        while True:
            name = f"{hint}.{self._fresh}"
            self._fresh += 1
            if name not in self.graph.weights and name not in self.producers and name not in self._readers:
                return name

    def set_input(self, node: Node, i: int, name: str) -> None:
        """Input i of the node becomes `name`; inputs before it that are missing become absent."""
        while len(node.inputs) <= i:
            node.inputs.append("")
        if node.inputs[i]:
            self._forget(node.inputs[i], node)
        node.inputs[i] = name
        if name:
            self._readers.setdefault(name, []).append(node)

    def adopt(self, node: Node) -> None:
        """Know a new node; its place in graph.nodes is the caller's business."""
        for name in node.inputs:
            if name:
                self._readers.setdefault(name, []).append(node)
        self.producers.update({name: node for name in node.outputs if name})

    def set_output(self, node: Node, i: int, name: str) -> None:
        """Output i of the node becomes `name`, whose maker, if any, is being removed."""
        self.producers.pop(node.outputs[i], None)
        node.outputs[i] = name
        self.producers[name] = node

    def remove(self, node: Node) -> None:
        self._removed.add(id(node))
        for name in node.inputs:
            if name:
                self._forget(name, node)
        for name in node.outputs:
            if self.producers.get(name) is node:
                del self.producers[name]

    def merge(self, node: Node, into: Node) -> None:
        """`into` now makes what `node` made, which goes. `into` is the maker of node's input."""
        output = node.outputs[0]
        self.remove(node)
        self.set_output(into, 0, output)

    def bypass(self, node: Node, source: str) -> bool:
        """Readers of node's output read `source` instead, and the node goes; False if that would lose an output."""
        target = node.outputs[0]
        if target in self.outputs:
            maker = self.producers.get(source)
            if maker is None or source in self.outputs:
                return False
            self.remove(node)
            for reader in list(self.consumers(source)):
                self._rename_input(reader, source, target)
            self.set_output(maker, maker.outputs.index(source), target)
            return True
        self.remove(node)
        for reader in list(self.consumers(target)):
            self._rename_input(reader, target, source)
        return True

    def finish(self) -> None:
        if self._removed:
            self.graph.nodes = [node for node in self.graph.nodes if id(node) not in self._removed]

    def _rename_input(self, node: Node, old: str, new: str) -> None:
        for i, name in enumerate(node.inputs):
            if name == old:
                self.set_input(node, i, new)

    def _forget(self, name: str, node: Node) -> None:
        readers = self._readers[name]
        del readers[next(i for i, reader in enumerate(readers) if reader is node)]
