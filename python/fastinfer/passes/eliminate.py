"""What computes nothing, or what nobody reads."""

from __future__ import annotations

from fastinfer.graph.ir import Graph
from fastinfer.passes.edit import Editor


def eliminate_identity(graph: Graph) -> None:
    """Take out Identity (without an activation), and Concat and Transpose that change nothing."""
    editor = Editor(graph)
    for node in graph.nodes:
        if node.op == "Identity":
            idle = node.activation is None
        elif node.op == "Concat":
            idle = len(node.inputs) == 1
        elif node.op == "Transpose":
            perm = node.attributes.get("perm")
            idle = perm is not None and list(perm) == sorted(perm)
        else:
            continue
        if not idle:
            continue
        weight = graph.weights.get(node.inputs[0])
        if weight is not None and node.outputs[0] in editor.outputs:
            continue
        editor.bypass(node, node.inputs[0])
    editor.finish()


def eliminate_dead_code(graph: Graph) -> None:
    """Take out nodes whose outputs nobody reads, and then the weights that nobody reads."""
    wanted = set(graph.output_names())
    kept = []
    for node in reversed(graph.nodes):
        if any(name in wanted for name in node.outputs if name):
            kept.append(node)
            wanted.update(name for name in node.inputs if name)
    graph.nodes = kept[::-1]
    for name in [name for name in graph.weights if name not in wanted]:
        del graph.weights[name]
    for node in graph.nodes:  # outputs that nobody reads become absent where they are optional
        if node.op in ("LayerNormalization", "MaxPool"):
            while len(node.outputs) > 1 and node.outputs[-1] not in wanted:
                node.outputs.pop()
