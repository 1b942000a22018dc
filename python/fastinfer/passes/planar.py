"""Where tensors lie planar (NCHW, vectorised over pixels): around convolutions of sparse weights, where it pays.

Each node that could work in either layout takes the one that costs least: its own work, plus a copy at every border to
a node of the other layout. Starting from what each convolution would like best alone (and what lies behind it, if that
costs less than two copies), nodes change their minds in turn until none gains by it (iterated conditional modes; Besag,
On the statistical analysis of dirty pictures, 1986); the same from NHWC throughout, and the cheaper end counts. So a
depthwise convolution, a pool or a sum between two sparse convolutions joins them, and a sparse convolution among dense
ones stays NHWC if it would not earn back its copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, prod
from typing import Protocol

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import Window, conv_window, groups_of, pool_window
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.graph.weight import BlockSparseWeight

_ROUNDS = 16
_POOLS = frozenset(("MaxPool", "AveragePool"))
_EITHER = frozenset(("GlobalAveragePool", "GlobalMaxPool"))  # they read either layout


@dataclass(frozen=True, slots=True)
class ConvQuery:
    """A convolution as the cost model sees it: the shapes of input and output, NCHW."""

    x: tuple[int, ...]
    y: tuple[int, ...]
    groups: int
    window: Window
    density: float  # share of the weights that are not zero
    block_outputs: int  # of the blocks that the weights are stored in; 0: in none


@dataclass(frozen=True, slots=True)
class PoolQuery:
    """Max or average pooling as the cost model sees it: the shapes of input and output, NCHW."""

    x: tuple[int, ...]
    y: tuple[int, ...]
    window: Window


class LayoutCosts(Protocol):
    def conv(self, step: str, query: ConvQuery) -> tuple[float, float]:
        """Cycles of the convolution in NHWC and planar; infinity where it cannot or must not be done."""

    def pool(self, query: PoolQuery) -> tuple[float, float]:
        """Cycles of the pooling in NHWC and planar; infinity where it cannot be done."""

    def copy(self, size: int) -> float:
        """Cycles of a change of layout of so many bytes."""


def make_planar(
    graph: Graph,
    types: Mapping[str, TensorType],
    layouts: dict[str, str],
    derived: DerivedWeights,
    costs: LayoutCosts,
) -> None:
    """Turn nhwc into planar in `layouts` where it pays."""
    work = _work(graph, types, layouts, derived, costs)
    # Unless a planar kernel is asked for, dense networks stay NHWC: the estimates are not meant for them.
    if not any(
        planar < nhwc and (nhwc == inf or _density(node, graph, derived) < 1)
        for node in graph.nodes
        if node.op == "Conv" and node.outputs[0] in work
        for nhwc, planar in (work[node.outputs[0]],)
    ):
        return
    alone, none = (_Decision(graph, types, layouts, work, costs, by_itself) for by_itself in (True, False))
    for name in min(alone, none, key=_Decision.settle).planar:
        layouts[name] = "planar"


def _work(
    graph: Graph,
    types: Mapping[str, TensorType],
    layouts: Mapping[str, str],
    derived: DerivedWeights,
    costs: LayoutCosts,
) -> dict[str, tuple[float, float]]:
    """By first output of each node that could write either layout: its cycles in NHWC and planar."""
    work: dict[str, tuple[float, float]] = {}
    for node in graph.nodes:
        name = node.outputs[0]
        kind = types[name]
        if len(kind.shape) != 4 or kind.dtype is not DType.F32 or layouts.get(name) != "nhwc" or not prod(kind.shape):
            continue
        if node.op == "Conv":
            if node.inputs[1] in graph.weights and "places" not in node.attributes:
                x, w = types[node.inputs[0]].shape, types[node.inputs[1]].shape
                density = _density(node, graph, derived)
                window, blocks = conv_window(node, x, w), _block_outputs(node, graph)
                query = ConvQuery(x, kind.shape, groups_of(node), window, density, blocks)
                work[name] = costs.conv(node.label(), query)
        elif len(node.outputs) == 1 and node.op in _POOLS:
            x = types[node.inputs[0]].shape
            work[name] = costs.pool(PoolQuery(x, kind.shape, pool_window(node, x)))
        elif len(node.outputs) == 1 and _is_by_element(node, types):
            work[name] = (0.0, 0.0)
    return work


def _density(node: Node, graph: Graph, derived: DerivedWeights) -> float:
    weight = graph.weights.get(node.inputs[1])
    return 1.0 if weight is None else derived.density(weight)


def _block_outputs(node: Node, graph: Graph) -> int:
    weight = graph.weights[node.inputs[1]]
    return weight.block[0] if isinstance(weight, BlockSparseWeight) else 0


def _is_by_element(node: Node, types: Mapping[str, TensorType]) -> bool:
    """Whether the node writes pictures of f32 from pictures of f32 in any layout, alike."""
    if node.op == "Concat":
        return all(len(types[name].shape) == 4 for name in node.inputs)
    if node.op == "Slice":  # of channels: whole planes, or a range of each pixel's channels
        x, y = (types[name].shape for name in (node.inputs[0], node.outputs[0]))
        return len(x) == 4 and (x[0], *x[2:]) == (y[0], *y[2:])
    if node.op not in _BY_ELEMENT:
        return False
    return all(types[name].dtype is DType.F32 for name in node.inputs if name)


_BY_ELEMENT = frozenset(
    (
        *("Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Abs", "Neg", "Exp", "Log", "Sqrt", "Tanh", "Erf"),
        *("Relu", "LeakyRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Clip", "Elu", "Selu", "Celu", "Gelu", "Mish"),
        *("Softplus", "Softsign", "ThresholdedRelu", "Identity"),
    )
)


class _Decision:
    """Which of the values with a choice lie planar so far."""

    def __init__(
        self,
        graph: Graph,
        types: Mapping[str, TensorType],
        layouts: Mapping[str, str],
        work: Mapping[str, tuple[float, float]],
        costs: LayoutCosts,
        by_itself: bool,
    ) -> None:
        """by_itself: start from what each node would take alone, else from NHWC for all that can be."""
        self._types = types
        self._weights = graph.weights
        self._layouts = layouts
        self._work = work
        self._costs = costs
        self._nodes = [node for node in graph.nodes if node.outputs[0] in work]
        self._readers = graph.consumers()
        self.planar: set[str] = set()
        for node in self._nodes:  # behind planar nodes also those that cost less planar than two copies
            nhwc, planar = work[node.outputs[0]]
            spared = 2 * self._copy(node.outputs[0]) if node.inputs[0] in self.planar else 0.0
            if planar < nhwc + spared and (by_itself or nhwc == inf):
                self.planar.add(node.outputs[0])

    def settle(self) -> float:
        """Let nodes change their minds until none gains by it; the cycles of all."""
        for _ in range(_ROUNDS):
            if not self.improve():
                break
        total = 0.0
        for node in self._nodes:
            name = node.outputs[0]
            planar = name in self.planar
            total += self._work[name][planar] + self._copy(name) * self._is_read_otherwise(name, planar)
        return total

    def improve(self) -> bool:
        """Let each node choose anew; whether one changed."""
        before = set(self.planar)
        for node in self._nodes:
            name = node.outputs[0]
            nhwc, planar = self._cycles(node, False), self._cycles(node, True)
            source = node.inputs[0]
            if planar < nhwc or (planar == nhwc < inf and self._lies_planar(source)):
                self.planar.add(name)
            else:
                self.planar.discard(name)
        return self.planar != before

    def _lies_planar(self, name: str) -> bool:
        """Values that are not pictures of this pass lie in the caller's order, which planar kernels can read."""
        return name in self.planar or self._layouts.get(name) != "nhwc"

    def _cycles(self, node: Node, planar: bool) -> float:
        """Of the node's work and of the copies around it, if it were planar or not."""
        name = node.outputs[0]
        cycles = self._work[name][planar]
        for source in set(node.inputs):
            if source and len(self._types[source].shape) == 4 and source not in self._weights:
                cycles += self._copy(source) * (self._lies_planar(source) != planar)
        return cycles + self._copy(name) * self._is_read_otherwise(name, planar)

    def _is_read_otherwise(self, name: str, planar: bool) -> bool:
        for reader in self._readers.get(name, ()):
            if reader.op in _EITHER:
                continue
            target = reader.outputs[0]
            wants_planar = target in self.planar if target in self._work else self._layouts.get(target) == "plain"
            if wants_planar != planar:
                return True
        return False

    def _copy(self, name: str) -> float:
        kind = self._types[name]
        return self._costs.copy(prod(kind.shape) * kind.dtype.numpy.itemsize)
