"""What follows a Concat, done to its parts instead, whose makers then do it in passing.

    Relu(Concat(conv, p))    ->  Concat(conv with Relu, Relu(p))
    Concat(a, b) + r         ->  Concat(a + r[:, :k], b + r[:, k:])          a, b: convolutions

A part whose maker cannot take an activation (a pool; a convolution that others read too) gets a node of its own, but
one of them at most: then no more steps run than before, over fewer bytes. A residual is cut only if every part is a
convolution that can add it. Measured: a sum over a slice of few channels takes about as long as over all of them, and
what its other slice costs a depthwise convolution comes on top (GhostNet, whose halves are such).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import normalize_axis
from fastinfer.graph.ir import Activation, Graph, Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.passes.edit import Editor
from fastinfer.passes.fuse_activation import activation_of, taker
from fastinfer.passes.fuse_sums import adder
from fastinfer.passes.slices import slice_of_channels

_MOST_APART = 1
_KEEP_SIGN = frozenset(
    (
        "AveragePool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "Reshape",
        "Flatten",
        "Transpose",
        "Slice",
        "Split",
        "Identity",
    )
)
_NEVER_NEGATIVE = frozenset(("Relu", "Sigmoid", "HardSigmoid"))


def spread_activations(graph: Graph, types: dict[str, TensorType]) -> None:
    """Activations into the makers of a Concat's parts, along whichever axis it joins them."""
    editor = Editor(graph)
    placed: dict[int, list[Node]] = {}  # by the Concat that they stand before
    for node in graph.nodes:
        activation = activation_of(node, editor)
        concat = None if activation is None else editor.private_producer(node.inputs[0], "Concat")
        if activation is None or concat is None or types[node.inputs[0]].dtype is not DType.F32:
            continue
        idle = [_changes_nothing(activation, part, editor) for part in concat.inputs]
        makers = [None if i else taker(part, editor, types) for i, part in zip(idle, concat.inputs, strict=True)]
        apart = [i for i, maker in enumerate(makers) if maker is None and not idle[i]]
        if len(apart) > _MOST_APART or len(apart) == len(makers):
            continue
        for maker in makers:
            if maker is not None:
                maker.activation = activation
        for i in apart:
            own = _apart(node, concat.inputs[i], i, editor, types)
            placed.setdefault(id(concat), []).append(own)
            editor.set_input(concat, i, own.outputs[0])
        editor.merge(node, into=concat)
    graph.nodes = [new for node in graph.nodes for new in (*placed.get(id(node), ()), node)]
    editor.finish()


def spread_residuals(graph: Graph, types: dict[str, TensorType]) -> None:
    """Concat of channels + r of the same shape: each convolution among the parts takes its channels of r.

    They run where the sum stood, as in fuse_residual.
    """
    editor = Editor(graph)
    placed: dict[int, list[Node]] = {}  # by the sum that they replace
    for node in graph.nodes:
        if node.op != "Add" or len({types[name] for name in (*node.inputs, *node.outputs)}) != 1:
            continue
        for value, residual in (node.inputs, node.inputs[::-1]):
            concat = editor.private_producer(value, "Concat")
            if concat is None or residual in graph.weights or not _joins_channels(concat, types):
                continue
            convs = [adder(part, editor) for part in concat.inputs]
            if all(convs):
                placed[id(node)] = _add_to_parts(node, concat, residual, convs, editor, types)
                break
    moved = {id(node) for nodes in placed.values() for node in nodes}
    graph.nodes = [new for node in graph.nodes for new in placed.get(id(node), [] if id(node) in moved else [node])]
    editor.finish()


def _add_to_parts(
    node: Node,
    concat: Node,
    residual: str,
    convs: Sequence[Node | None],
    editor: Editor,
    types: dict[str, TensorType],
) -> list[Node]:
    """Edits the parts; the nodes that stand for the sum, in order."""
    nodes: list[Node] = []
    start = 0
    for conv in convs:
        assert conv is not None
        part = conv.outputs[0]
        size = types[part].shape[1]
        cut = slice_of_channels(residual, f"{part}.residual", start, size, editor, types)
        editor.adopt(cut)
        editor.set_input(conv, 3, cut.outputs[0])
        conv.activation = node.activation
        nodes += [cut, conv]
        start += size
    editor.merge(node, into=concat)
    return [*nodes, concat]


def _joins_channels(concat: Node, types: Mapping[str, TensorType]) -> bool:
    kind = types[concat.outputs[0]]
    pictures = kind.dtype is DType.F32 and len(kind.shape) in (3, 4)
    return pictures and normalize_axis(attribute(concat, "axis"), len(kind.shape)) == 1


def _apart(node: Node, part: str, number: int, editor: Editor, types: dict[str, TensorType]) -> Node:
    """The activation once more, for the Concat's part of that number."""
    output = editor.fresh_name(f"{part}.{node.op}")
    types[output] = types[part]
    name = f"{node.label()}[{number}]"
    made = Node(node.op, [part, *node.inputs[1:]], [output], dict(node.attributes), name, node.activation)
    editor.adopt(made)
    return made


def _changes_nothing(activation: Activation, name: str, editor: Editor) -> bool:
    """Whether it is a Relu of what cannot be negative."""
    relu = activation.kind == "clamp" and activation.alpha <= 0 and activation.beta == math.inf
    return relu and _never_negative(name, editor)


def _never_negative(name: str, editor: Editor) -> bool:
    pending, seen = [name], {name}
    while pending:
        node = editor.producer(pending.pop())
        if node is None:
            return False
        if node.activation is not None:
            if node.activation.kind != "clamp" or node.activation.alpha < 0:
                return False
        elif node.op in _KEEP_SIGN or node.op == "Concat" or _takes_no_pad_for_maximum(node):
            read = node.inputs if node.op == "Concat" else node.inputs[:1]
            pending += [source for source in read if source not in seen]
            seen.update(read)
        elif node.op not in _NEVER_NEGATIVE:
            return False
    return True


def _takes_no_pad_for_maximum(node: Node) -> bool:
    """MaxPool without dilation: no window holds pads only (pool_window refuses those), which count as -inf."""
    return node.op == "MaxPool" and all(d == 1 for d in node.attributes.get("dilations") or (1,))
