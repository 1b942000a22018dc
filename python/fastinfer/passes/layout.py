"""Which layout each value should lie in: nhwc where pictures are convolved and pooled, plain elsewhere.

Spatial operators read and write NHWC, or planar tensors where weights are sparse (planar.py). What works element by
element takes its input's layout, or already the one that its readers want. Lowering converts where neighbours disagree.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.passes.planar import LayoutCosts, make_planar

_SPATIAL = frozenset(
    (
        *("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool"),
        *("InstanceNormalization", "LRN", "Resize", "BatchNormalization"),
    )
)
# Operators that write where, and in the order that, nobody minds; all others make views or plain tensors.
_PLAIN = frozenset(
    (
        *("MatMul", "Gemm", "LayerNormalization", "Softmax", "LogSoftmax", "TopK", "Gather", "GatherElements"),
        *("GatherND", "ScatterElements", "ScatterND", "OneHot", "Trilu", "CumSum", "Expand"),
    )
)
_FREE = frozenset(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "DepthToSpace", "SpaceToDepth", "Tile"))


def assign_layouts(
    graph: Graph,
    types: Mapping[str, TensorType],
    derived: DerivedWeights | None = None,
    costs: LayoutCosts | None = None,
) -> dict[str, str]:
    """nhwc, plain or, where costs are given and say that it pays, planar for every computed value."""
    wanted = _wanted(graph, types)
    layouts: dict[str, str] = {}
    outputs = graph.output_names()
    read = graph.consumers()
    for node in graph.nodes:
        for name in node.outputs:
            if name:
                last = name in outputs and name not in read
                layouts[name] = _layout(node, name, types, layouts, wanted, last)
    if costs is not None:
        make_planar(graph, types, layouts, derived or DerivedWeights(), costs)
    return layouts


def _is_picture(kind: TensorType) -> bool:
    return len(kind.shape) in (3, 4)


def _is_spatial(node: Node, types: Mapping[str, TensorType]) -> bool:
    kind = types[node.inputs[0]] if node.inputs else None
    return node.op in _SPATIAL and kind is not None and kind.dtype is DType.F32 and _is_picture(kind)


def _picks_channels(node: Node, types: Mapping[str, TensorType]) -> bool:
    return node.op == "Gather" and attribute(node, "axis") == 1 and len(types[node.inputs[1]].shape) == 1


def _wanted(graph: Graph, types: Mapping[str, TensorType]) -> set[str]:
    """The values that a spatial operator reads, through operators that keep the layout."""
    wanted: set[str] = set()
    for node in reversed(graph.nodes):
        if _is_spatial(node, types):
            wanted.add(node.inputs[0])
            wanted.update(name for name in node.inputs[3:4] if name)
        elif node.op not in _PLAIN | _FREE and any(name in wanted for name in node.outputs):
            shape = types[node.outputs[0]].shape
            wanted.update(name for name in node.inputs if name and len(types[name].shape) == len(shape))
    return wanted


def _layout(
    node: Node, name: str, types: Mapping[str, TensorType], layouts: dict[str, str], wanted: set[str], last: bool
) -> str:
    kind = types[name]
    if not _is_picture(kind) or (node.op in _PLAIN and not _picks_channels(node, types)):
        return "plain"
    if _is_spatial(node, types):
        return "nhwc"
    if node.op in _FREE:
        return "nhwc" if name in wanted else "plain"
    if last and node.op != "Concat":
        return "plain"  # it can as well write the caller's order
    size = types[name].shape
    fed = any(layouts.get(source) == "nhwc" and len(types[source].shape) == len(size) for source in node.inputs)
    return "nhwc" if fed or name in wanted else "plain"
