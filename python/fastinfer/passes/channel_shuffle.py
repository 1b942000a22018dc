"""Channel shuffles: Reshape (N,C,H,W) -> (N,g,C/g,H,W), Transpose of g and C/g, Reshape back.

Where everything that reads the shuffled value can read the channels in another order (its weights permuted instead, or
a grouped convolution told of the order by its attribute `places`), the three nodes go. Else it stays, two views and
one copy; see split_shuffle.py for shuffles that are then cut in parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import Array, DenseWeight
from fastinfer.passes.edit import Editor

Order = npt.NDArray[np.int64]

_CHANNELWISE = frozenset(
    (
        *("Relu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "LeakyRelu", "Elu", "Gelu", "Identity", "Softplus"),
        *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Clip", "Abs", "Neg", "Sqrt", "Exp"),
    )
)
_ARITHMETIC = frozenset(("Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu"))


@dataclass(frozen=True, slots=True)
class Shuffle:
    """y[:, c] = x[:, order[c]]"""

    nodes: tuple[Node, Node, Node]
    groups: int
    channels: int

    @property
    def order(self) -> Order:
        return np.array(np.arange(self.channels).reshape(self.groups, -1).T.reshape(-1))


def find_shuffle(last: Node, editor: Editor, types: dict[str, TensorType]) -> Shuffle | None:
    """The shuffle that ends in this Reshape, if it is one and only the last node is read from outside."""
    middle = editor.private_producer(last.inputs[0], "Transpose") if last.op == "Reshape" else None
    first = editor.private_producer(middle.inputs[0], "Reshape") if middle is not None else None
    if first is None or middle is None:
        return None
    before, split, after = (types[name].shape for name in (first.inputs[0], first.outputs[0], last.outputs[0]))
    perm = attribute(middle, "perm")
    if len(before) != 4 or len(split) != 5 or before != after or perm is None or list(perm) != [0, 2, 1, 3, 4]:
        return None
    if split[0] != before[0] or split[3:] != before[2:]:
        return None
    return Shuffle((first, middle, last), split[1], before[1])


def absorb_shuffles(graph: Graph, types: dict[str, TensorType], derived: DerivedWeights) -> None:
    """Take out the shuffles whose readers can all take the channels in another order."""
    editor = Editor(graph)
    for node in graph.nodes:
        shuffle = find_shuffle(node, editor, types)
        if shuffle is None:
            continue
        edits: list[Callable[[], None]] = []
        if _absorb(node.outputs[0], shuffle, editor, derived, types, edits):
            for edit in edits:
                edit()
            for gone in shuffle.nodes[:0:-1]:
                editor.merge(gone, into=editor.producers[gone.inputs[0]])
            editor.bypass(shuffle.nodes[0], shuffle.nodes[0].inputs[0])
    editor.finish()


def _absorb(
    name: str,
    shuffle: Shuffle,
    editor: Editor,
    derived: DerivedWeights,
    types: dict[str, TensorType],
    edits: list[Callable[[], None]],
) -> bool:
    """Whether every reader of the value, and theirs, can take unshuffled channels; collects what must be edited."""
    if name in editor.outputs:
        return False
    inverse = np.argsort(shuffle.order)
    for node in editor.consumers(name):
        others = [i for i, source in enumerate(node.inputs) if source and source != name]
        if node.op == "Conv" and node.inputs[0] == name and not node.input(3) and node.inputs.count(name) == 1:
            weight = editor.graph.weights.get(node.inputs[1])
            if not isinstance(weight, DenseWeight):
                return False
            groups = int(attribute(node, "group"))
            if groups == 1:
                edits.append(permute_weight(node, 1, 1, inverse, editor, derived, types))
                continue
            bias = node.input(2)
            if groups != shuffle.channels or weight.shape[0] != groups:
                if "places" in node.attributes:
                    return False
                edits.append(_tell(node, shuffle.order))
                continue
            if bias and bias not in editor.graph.weights:
                return False
            edits.append(permute_weight(node, 1, 0, inverse, editor, derived, types))
            if bias:
                edits.append(permute_weight(node, 2, 0, inverse, editor, derived, types))
        elif node.op in _ARITHMETIC and len(others) == 1 and node.inputs[others[0]] in editor.graph.weights:
            shape = types[node.inputs[others[0]]].shape
            axis = len(shape) - 3  # channels, of a shape that broadcasts with 4 axes
            if len(shape) > 4 or (node.op == "PRelu" and node.inputs[0] != name):
                return False
            if axis >= 0 and shape[axis] != 1:
                edits.append(permute_weight(node, others[0], axis, inverse, editor, derived, types))
        elif node.op not in _CHANNELWISE or node.inputs[0] != name or any(node.outputs[1:]):
            return False
        if not _absorb(node.outputs[0], shuffle, editor, derived, types, edits):
            return False
    return True


def _tell(node: Node, order: Order) -> Callable[[], None]:
    """Make the convolution read its channels in this order."""
    return lambda: node.attributes.update(places=order.tolist())


def permute_weight(
    node: Node,
    i: int,
    axis: int,
    order: Order,
    editor: Editor,
    derived: DerivedWeights,
    types: dict[str, TensorType],
) -> Callable[[], None]:
    """Make the weight that is input i one whose axis is in the given order."""

    def edit() -> None:
        weight = editor.graph.weights[node.inputs[i]]

        def take(array: Array) -> Array:
            return np.take(array, order, axis)

        name = editor.fresh_name(f"{node.inputs[i]}.shuffled")
        editor.graph.weights[name] = derived.dense(weight, ("permuted", axis, order.tobytes()), take)
        types[name] = types[node.inputs[i]]
        editor.set_input(node, i, name)

    return edit
