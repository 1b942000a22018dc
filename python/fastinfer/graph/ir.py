"""The graph: nodes in the vocabulary of the newest ONNX opset, values by name, weights in the form they are stored in.

Readers bring every file to this one vocabulary (an older opset's Clip(min=, max=) becomes Clip with inputs, Upsample
becomes Resize), so nothing behind them knows of opset versions. Axes are logical: a picture is N, C, H, W whatever its
layout in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import Weight

Dim = int | str  # a size, or the name of a size that the caller chooses


@dataclass(frozen=True, slots=True)
class Activation:
    """y = activation(x), fused into the node that makes x. Kinds and parameters as in cpp/base/activation.h."""

    kind: str  # clamp, leaky_relu, sigmoid, hard_sigmoid, hard_swish, silu, tanh, elu, gelu
    alpha: float = 0.0
    beta: float = 0.0


@dataclass(frozen=True, slots=True)
class TensorType:
    """What is known of a value before it exists."""

    dtype: DType
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """A graph input or output as the file declares it; shape is None where the rank is not given."""

    name: str
    dtype: DType
    shape: tuple[Dim, ...] | None


@dataclass(slots=True)
class Node:
    """One operation. An absent optional input or output is the empty string.

    Fused forms that passes make: Conv, ConvTranspose and Gemm may carry `activation`, and Conv a fourth input, the
    residual, which is added before the activation: y = activation(conv(x, w) + b + residual). Binary eltwise nodes
    may carry `activation` too. A Conv's attribute `places` says which channels of x it reads, in the order of
    its weights: channel c of what it convolves is channel places[c] of x, which may have more.
    """

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    activation: Activation | None = None

    def input(self, i: int) -> str:
        """The name of input i, or the empty string."""
        return self.inputs[i] if i < len(self.inputs) else ""

    def label(self) -> str:
        """How messages and tables call this node."""
        return self.name or f"{self.op}({', '.join(n for n in self.outputs if n)})"


@dataclass(slots=True)
class Graph:
    """Nodes in topological order (the verifier sees to it). Weights are values that every run shares."""

    inputs: list[ValueInfo]
    outputs: list[ValueInfo]
    nodes: list[Node]
    weights: dict[str, Weight]
    name: str = ""
    file: str | None = None  # for messages

    def producers(self) -> dict[str, Node]:
        """Value name to the node that makes it."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    def consumers(self) -> dict[str, list[Node]]:
        """Value name to the nodes that read it (a node that reads it twice stands twice)."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in node.inputs:
                if name:
                    found.setdefault(name, []).append(node)
        return found

    def output_names(self) -> frozenset[str]:
        return frozenset(info.name for info in self.outputs)

    def names(self) -> Iterator[str]:
        """Every value name of the graph, each once or more."""
        yield from self.weights
        yield from (info.name for info in self.inputs)
        for node in self.nodes:
            yield from (name for name in node.outputs if name)

    def copy(self) -> Graph:
        """A graph whose nodes may be changed without changing this one; weights are shared."""
        nodes = [
            Node(n.op, list(n.inputs), list(n.outputs), dict(n.attributes), n.name, n.activation) for n in self.nodes
        ]
        return Graph(list(self.inputs), list(self.outputs), nodes, dict(self.weights), self.name, self.file)
