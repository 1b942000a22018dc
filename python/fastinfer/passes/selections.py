"""Channels that Concat, Split, Slice and channel shuffles pick and order, read where they were first written.

Such nodes, one behind the other, select channels of the values that other operators made. A 1x1 convolution can read a
selection through places (its attribute of that name) from one Concat of those values, which they are written into and
nobody copies: the nodes between then have no readers. Where anything else reads a selection it is copied once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import conv_window, normalize_axis
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import DenseWeight
from fastinfer.passes.channel_shuffle import Order, find_shuffle, permute_weight
from fastinfer.passes.edit import Editor
from fastinfer.passes.slices import add_ints
from fastinfer.passes.split_shuffle import parts_of

# A Concat may be so many times as wide as what a convolution reads of it: its pixels are then far apart, and it takes
# as much more memory. ShuffleNet v2's are 9 times as wide.
_WIDEST = 10
_VIEWS = frozenset(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Slice", "Split", "Expand"))


@dataclass(frozen=True, slots=True)
class _Arrangement:
    """Channel c of the value is channel order[c] of its sources, taken one after the other."""

    sources: tuple[str, ...]
    order: Order
    joins: bool  # a Concat: kept where the value must exist
    shuffled: bool  # the value, or one of its sources


@dataclass(slots=True)
class _Group:
    """Values that must lie in one Concat, and who reads selections of it: convolutions, or a copy (None)."""

    values: set[str]
    reads: list[tuple[Node | None, str]]


def read_selections(graph: Graph, types: dict[str, TensorType], derived: DerivedWeights) -> None:
    """Make 1x1 convolutions read selections through places."""
    search = _Search(graph, types, derived)
    while search.drop_impossible():
        pass
    search.rewrite()


class _Search:
    def __init__(self, graph: Graph, types: dict[str, TensorType], derived: DerivedWeights) -> None:
        self.graph = graph
        self.types = types
        self.derived = derived
        self.editor = Editor(graph)
        self.arranged: dict[str, _Arrangement] = {}
        self.inner: set[int] = set()  # nodes that only arrange
        for node in graph.nodes:
            self._arrange(node)
        self.readers = {id(node): node for node in graph.nodes if self._can_read(node)}
        self.uncopied: set[str] = set()  # values that must not be copied from elsewhere
        self.cut: set[str] = set()  # values that are copied lest a Concat become too wide
        self.order = {name: i for i, node in enumerate(graph.nodes) for name in node.outputs}
        self._find()

    # What there is

    def _arrange(self, node: Node) -> None:
        kind = self.types[node.outputs[0]]
        if len(kind.shape) != 4 or kind.dtype is not DType.F32:
            return
        shuffle = find_shuffle(node, self.editor, self.types)
        if shuffle is not None:
            self._add(node.outputs[0], [shuffle.nodes[0].inputs[0]], shuffle.order, False, True)
            self.inner.add(id(shuffle.nodes[0]))
        elif node.op == "Concat" and normalize_axis(attribute(node, "axis"), 4) == 1:
            self._add(node.outputs[0], node.inputs, np.arange(kind.shape[1]), True, False)
            self.inner.add(id(node))
        elif node.op in ("Split", "Slice"):
            parts = parts_of(node, node.inputs[0], self.types, self.editor) or []
            for name, start, size in parts:
                self._add(name, [node.inputs[0]], np.arange(start, start + size), False, False)
            if parts:
                self.inner.add(id(node))

    def _add(self, name: str, sources: list[str], order: Order, joins: bool, shuffled: bool) -> None:
        shuffled = shuffled or any(source in self.arranged and self.arranged[source].shuffled for source in sources)
        self.arranged[name] = _Arrangement(tuple(sources), order, joins, shuffled)

    def _can_read(self, node: Node) -> bool:
        """Whether the node is a 1x1 convolution of a shuffled selection."""
        source = self.arranged.get(node.inputs[0]) if node.op == "Conv" else None
        if source is None or not source.shuffled or node.inputs.count(node.inputs[0]) > 1:
            return False
        weight = self.graph.weights.get(node.inputs[1])
        if not isinstance(weight, DenseWeight) or weight.shape[2:] != (1, 1):
            return False
        window = conv_window(node, self.types[node.inputs[0]].shape, weight.shape)
        return set(window.strides) == {1} and not any((*window.pad_begin, *window.pad_end))

    # What follows

    def _find(self) -> None:
        """Which values must exist, and of which of those the channels of each other one are."""
        self.exists = self._needed()
        self.channels: dict[str, list[tuple[str, int]]] = {}
        self.copied: set[str] = set()
        for node in self.graph.nodes:
            for name in node.outputs:
                found = self.arranged.get(name)
                if found is None:
                    continue
                if found.joins and all(self._is_whole(source) for source in found.sources):
                    self.exists.add(name)
                if name in self.exists and not self._is_copied(name):
                    continue
                channels = [c for source in found.sources for c in self._channels(source)]
                self.channels[name] = [channels[i] for i in found.order]
                if name in self.exists:
                    self.copied.add(name)

    def _is_whole(self, name: str) -> bool:
        return name in self.exists or name not in self.arranged

    def _is_copied(self, name: str) -> bool:
        """A value that must exist, and is to be copied from the selection rather than made by its nodes."""
        found = self.arranged[name]
        return found.shuffled and not found.joins and name not in self.uncopied and not self._near(name)

    def _near(self, name: str) -> bool:
        """Whether only Slices and shuffles stand between the value and one that exists."""
        (name,) = self.arranged[name].sources
        while not self._is_whole(name):
            if self.arranged[name].joins:
                return False
            (name,) = self.arranged[name].sources
        return True

    def _channels(self, name: str) -> list[tuple[str, int]]:
        if self._is_whole(name):
            return [(name, c) for c in range(self.types[name].shape[1])]
        return self.channels[name]

    def _needed(self) -> set[str]:
        needed: set[str] = set()
        for node in reversed(self.graph.nodes):
            for name in node.outputs:
                found = self.arranged.get(name)
                if found is None:
                    continue
                others = any(id(r) not in self.inner and id(r) not in self.readers for r in self.editor.consumers(name))
                if others or name in self.editor.outputs or name in needed or name in self.cut:
                    needed.add(name)
                    if found.joins or not found.shuffled or name in self.uncopied:
                        needed.update(source for source in found.sources if source in self.arranged)
        return needed

    def _groups(self) -> list[_Group]:
        groups: dict[str, _Group] = {}
        root: dict[str, str] = {}  # of each value: one of its group
        reads: list[tuple[Node | None, str]] = [
            *((node, node.inputs[0]) for node in self.readers.values() if not self._is_whole(node.inputs[0])),
            *((None, name) for name in self.graph_order(self.copied)),
        ]
        for node, name in reads:
            values = {value for value, _ in self.channels[name]}
            joined = [groups.pop(first) for first in {root[value] for value in values if value in root}]
            group = _Group(values, [(node, name)])
            for other in joined:
                group.values |= other.values
                group.reads += other.reads
            first = min(group.values)
            groups[first] = group
            root.update(dict.fromkeys(group.values, first))
        return list(groups.values())

    def graph_order(self, names: set[str]) -> list[str]:
        return sorted(names, key=lambda name: self.order.get(name, -1))  # inputs first

    def _width(self, name: str) -> int:
        return self.types[name].shape[1]

    def drop_impossible(self) -> bool:
        """Give up what cannot be, and cut what would be too wide; whether there was any."""
        for group in self._groups():
            read = any(node for node, _ in group.reads)
            if read and self._can_join(group):
                continue
            if not read or not self._cut(group):
                for node, name in group.reads:
                    if node is None:
                        self.uncopied.add(name)
                    else:
                        del self.readers[id(node)]
            self._find()
            return True
        return False

    def _can_join(self, group: _Group) -> bool:
        return len(group.values) == 1 or (
            all(self._can_be_placed(name) for name in group.values) and not self._excess(group)
        )

    def _excess(self, group: _Group) -> list[str]:
        """The values with which the group's Concat becomes too wide, in the order of the graph."""
        most = _WIDEST * min(self._width(name) for node, name in group.reads if node)
        values = self.graph_order(group.values)
        ends = np.cumsum([self._width(name) for name in values])
        return [name for name, end in zip(values, ends, strict=True) if end > most]

    def _cut(self, group: _Group) -> bool:
        """Copy what is concatenated with the first value that is too much; False if nothing new can be."""
        if not all(self._can_be_placed(name) for name in group.values):
            return False
        before = len(self.cut)
        for name in self._excess(group)[:1]:
            for reader in self.editor.consumers(name):
                if reader.op == "Concat":
                    self.cut.update(source for source in reader.inputs if not self._is_whole(source))
        return len(self.cut) > before

    def _can_be_placed(self, name: str) -> bool:
        """Whether the value can be written into a Concat, and is in no other one that must exist."""
        node = self.editor.producers.get(name)
        if node is None or name in self.editor.outputs or (node.op in _VIEWS and name not in self.copied):
            return False
        return not any(r.op == "Concat" and self._is_whole(r.outputs[0]) for r in self.editor.consumers(name))

    # Doing it

    def rewrite(self) -> None:
        before: dict[int, list[Node]] = {}
        for group in self._groups():
            self._rewrite_group(group, before)
        self.graph.nodes = [new for i, node in enumerate(self.graph.nodes) for new in (*before.get(i, ()), node)]

    def _rewrite_group(self, group: _Group, before: dict[int, list[Node]]) -> None:
        """before: new nodes by the number of the one that they stand in front of."""
        values = self.graph_order(group.values)
        ends = np.cumsum([self._width(name) for name in values]).tolist()
        start = {name: end - self._width(name) for name, end in zip(values, ends, strict=True)}
        number = {name: i for i, name in enumerate(values)}
        joined = values[:1]  # joined[i]: the Concat of the values up to i, each one of the one before and a value
        users = [(self.order[node.outputs[0] if node else name], node, name) for node, name in group.reads]
        for at, node, name in sorted(users, key=lambda user: user[0]):
            new = before.setdefault(at, [])
            most = max(number[value] for value, _ in self.channels[name])
            for i in range(len(joined), most + 1):
                wide = self.editor.fresh_name(f"{values[0]}.joined")
                kind = self.types[values[0]]
                self.types[wide] = replace(kind, shape=(kind.shape[0], ends[i], *kind.shape[2:]))
                new.append(Node("Concat", [joined[-1], values[i]], [wide], {"axis": 1}, name=f"join({wide})"))
                joined.append(wide)
            places = np.array([start[value] + c for value, c in self.channels[name]])
            if node is None:
                new.append(self._copy(joined[most], name, places))
            else:
                self._read(node, joined[most], places)

    def _read(self, conv: Node, x: str, places: Order) -> None:
        """Neighbours one after the other, where the weights can be in that order."""
        self.editor.set_input(conv, 0, x)
        places = places[conv.attributes.get("places", slice(None))]
        if attribute(conv, "group") == 1:
            ascending = np.argsort(places)
            places = places[ascending]
            permute_weight(conv, 1, 1, ascending, self.editor, self.derived, self.types)()
        conv.attributes["places"] = places.tolist()

    def _copy(self, x: str, name: str, places: Order) -> Node:
        maker = self.editor.producers[name]
        maker.outputs[maker.outputs.index(name)] = ""
        indices = add_ints(f"{name}.places", places.tolist(), self.editor, self.types)
        return Node("Gather", [x, indices], [name], {"axis": 1}, name=f"channels({name})")
