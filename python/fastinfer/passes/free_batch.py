"""Networks exported for batch 1, made fit for any batch: where no operator mixes samples, the batch is only a number.

Every value that depends on the inputs must carry the samples along axis 0, from the inputs to the outputs; each
operator is asked whether it keeps them apart. Reshapes to a shape that begins with 1 then copy the batch instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from fastinfer.errors import ShapeError
from fastinfer.graph.geometry import normalize_axes
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import Array, DenseWeight

_ELEMENTWISE_OPERATORS = """
Abs Acos Acosh Add And Asin Asinh Atan Atanh Cast Ceil Celu Clip Cos Cosh Div Elu Equal Erf Exp Floor Gelu Greater
GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Min Mish Mod Mul Neg Not
Or PRelu Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Tan Tanh ThresholdedRelu Where
Xor
"""
_PICTURE_OPERATORS = """
AveragePool BatchNormalization Conv ConvTranspose DepthToSpace GlobalAveragePool GlobalLpPool GlobalMaxPool
InstanceNormalization LRN LpPool MaxPool SpaceToDepth
"""
_ELEMENTWISE = frozenset(_ELEMENTWISE_OPERATORS.split())
_PICTURES = frozenset(_PICTURE_OPERATORS.split())
_ALONG_AXIS = frozenset(
    ("ArgMax", "ArgMin", "Concat", "LayerNormalization", "LogSoftmax", "Softmax", "Split", "TopK", "Flatten")
)


@dataclass(slots=True)
class _Walk:
    types: Mapping[str, TensorType]  # at batch 1
    values: Mapping[str, Array]  # known at batch 1
    batched: set[str]  # samples along axis 0
    sizes: set[str]  # made from shapes: another batch may change them

    def rank(self, name: str) -> int:
        return len(self.types[name].shape)

    def axes(self, name: str, rank: int) -> tuple[int, ...] | None:
        """The axes that a known input holds, or None."""
        value = self.values.get(name)
        return None if value is None else normalize_axes([int(v) for v in value.reshape(-1)], rank)


def free_batch(graph: Graph, types: Mapping[str, TensorType], values: Mapping[str, Array]) -> Graph:
    """The graph for any batch, from types and known values at batch 1. ShapeError: a node mixes samples."""
    graph = graph.copy()
    known = {name: weight.dense() for name, weight in graph.weights.items() if isinstance(weight, DenseWeight)}
    walk = _Walk(types, {**known, **values}, {info.name for info in graph.inputs}, set())
    for node in graph.nodes:
        if not any(name in walk.batched for name in node.inputs):
            if any(name in walk.sizes for name in node.inputs):
                walk.sizes.update(node.outputs)
        elif node.op == "Shape":
            walk.sizes.update(node.outputs)
        elif not _keeps_samples(node, walk):
            raise ShapeError(f"{node.op} does not keep the samples of a batch apart", node=node.label())
        else:
            walk.batched.update(name for name in node.outputs if name)
            if node.op == "Reshape":
                _copy_batch(node, graph)
    return graph


def same_per_sample(one: Mapping[str, TensorType], two: Mapping[str, TensorType], graph: Graph) -> bool:
    """Whether the outputs' shapes at batch 2 are those at batch 1 but for the batch."""
    for info in graph.outputs:
        shape, other = one[info.name].shape, two[info.name].shape
        if other not in ((2, *shape[1:]), shape) or shape[:1] != (1,):
            return False
    return True


def _keeps_samples(node: Node, walk: _Walk) -> bool:
    """Whether output sample i is made of input sample i alone, along axis 0 of each."""
    first = node.inputs[0]
    data, others = first in walk.batched, node.inputs[1:]
    if node.op in _ELEMENTWISE:
        return _elementwise(node, walk)
    rule = _RULES.get(node.op)
    if node.op.startswith("Reduce"):
        rule = _reduction
    elif node.op in _ALONG_AXIS:
        rule = _along_axis
    elif node.op in _PICTURES:
        residual = node.input(3) if node.op == "Conv" else ""
        parameters = [name for name in others if name and name != residual]
        return data and not any(name in walk.batched or name in walk.sizes for name in parameters)
    return rule is not None and data and walk.rank(first) > 0 and rule(node, walk)


def _elementwise(node: Node, walk: _Walk) -> bool:
    rank = walk.rank(node.outputs[0])
    for name in node.inputs:
        if not name:
            continue
        shape = walk.types[name].shape
        if name in walk.sizes or (name in walk.batched and len(shape) != rank):
            return False
        if name not in walk.batched and len(shape) == rank and shape[:1] != (1,):
            return False
    return rank > 0


def _along_axis(node: Node, walk: _Walk) -> bool:
    """Operators with an attribute axis: any but that of the batch. Concat joins samples of equal number."""
    if node.op == "Concat" and not all(name in walk.batched for name in node.inputs):
        return False
    if node.op in ("LayerNormalization", "Split", "TopK") and any(n in walk.batched for n in node.inputs[1:]):
        return False
    rank = walk.rank(node.inputs[0])
    axis = int(attribute(node, "axis"))
    return (axis + rank if axis < 0 else axis) > 0 and (node.op != "Flatten" or axis == 1)


def _reduction(node: Node, walk: _Walk) -> bool:
    if not node.input(1):
        return False
    axes = walk.axes(node.inputs[1], walk.rank(node.inputs[0]))
    return bool(axes) and 0 not in (axes or (0,))


def _matrix(node: Node, walk: _Walk) -> bool:
    """Rows are samples: a plain right side, or one product for each sample."""
    a, b = node.inputs[:2]
    if b in walk.batched:
        return node.op == "MatMul" and walk.rank(a) == walk.rank(b) > 2
    if node.op == "Gemm":
        c = walk.types[node.input(2)].shape if node.input(2) else ()
        free = not node.input(2) or node.input(2) not in walk.batched
        return not attribute(node, "transA") and free and (len(c) < 2 or c[0] == 1)
    return walk.rank(a) > 1 and (walk.rank(b) <= 2 or walk.rank(b) < walk.rank(a))


def _reshape(node: Node, walk: _Walk) -> bool:
    shapes = walk.types[node.inputs[0]].shape, walk.types[node.outputs[0]].shape
    return all(shape[:1] == (1,) for shape in shapes) and node.inputs[1] not in walk.batched


def _copy_batch(node: Node, graph: Graph) -> None:
    """A constant target that begins with 1 begins with 0: the input's own size."""
    weight = graph.weights.get(node.inputs[1])
    if weight is None:
        return
    target = np.array(weight.dense())
    if target.size == 0 or target[0] != 1 or (attribute(node, "allowzero") and 0 in target):
        return
    target[0] = 0
    name = f"{node.inputs[1]}.any_batch.{node.outputs[0]}"
    graph.weights[name] = DenseWeight(target)
    node.inputs = [node.inputs[0], name]
    node.attributes = {key: value for key, value in node.attributes.items() if key != "allowzero"}


def _slice(node: Node, walk: _Walk) -> bool:
    rank = walk.rank(node.inputs[0])
    axes = walk.axes(node.inputs[3], rank) if node.input(3) else None
    return axes is not None and 0 not in axes


def _unit(i: int, value: int) -> Callable[[Node, _Walk], bool]:
    """Input i is known, and its entry for axis 0 is `value` (Pad: before and behind)."""

    def rule(node: Node, walk: _Walk) -> bool:
        known = walk.values.get(node.input(i))
        if known is None or known.size == 0 or (node.op == "Pad" and node.input(3)):
            return False
        entries = known.reshape(-1)
        return bool(entries[0] == value and (node.op != "Pad" or entries[len(entries) // 2] == 0))

    return rule


def _axes_behind(node: Node, walk: _Walk) -> bool:
    """Squeeze and Unsqueeze of named axes other than the first."""
    if not node.input(1):
        return False
    axes = walk.axes(node.inputs[1], max(walk.rank(node.inputs[0]), walk.rank(node.outputs[0])))
    return axes is not None and 0 not in axes


def _transpose(node: Node, walk: _Walk) -> bool:
    perm = attribute(node, "perm")
    return bool(perm) and perm[0] == 0


def _gather(node: Node, walk: _Walk) -> bool:
    axis = int(attribute(node, "axis"))
    return axis % walk.rank(node.inputs[0]) > 0 and node.inputs[1] not in walk.batched


_RULES: dict[str, Callable[[Node, _Walk], bool]] = {
    "Gather": _gather,
    "Gemm": _matrix,
    "MatMul": _matrix,
    "Pad": _unit(1, 0),
    "Reshape": _reshape,
    "Resize": _unit(2, 1),
    "Slice": _slice,
    "Squeeze": _axes_behind,
    "Tile": _unit(1, 1),
    "Transpose": _transpose,
    "Unsqueeze": _axes_behind,
}
