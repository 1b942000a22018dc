"""Sums of computed values: residuals into convolutions, biases into matrix products. They need shapes."""

from __future__ import annotations

from collections.abc import Mapping

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, TensorType
from fastinfer.passes.edit import Editor


def fuse_bias_of_matmul(graph: Graph, types: Mapping[str, TensorType]) -> None:
    """MatMul + a constant for each column: the product takes it as its third input."""
    editor = Editor(graph)
    for node in graph.nodes:
        if node.op != "Add" or types[node.outputs[0]].dtype is not DType.F32:
            continue
        for i in (0, 1):
            product = editor.private_producer(node.inputs[i], "MatMul")
            bias = node.inputs[1 - i]
            if product is None or product.activation is not None or product.input(2) or bias not in graph.weights:
                continue
            shape = types[node.inputs[i]].shape
            columns = types[product.inputs[1]].shape[-1]
            of_columns = types[bias].shape[-1:] == (columns,) and all(n == 1 for n in types[bias].shape[:-1])
            if types[node.outputs[0]].shape == shape and shape[-1:] == (columns,) and of_columns:
                editor.set_input(product, 2, bias)
                product.activation = node.activation
                editor.merge(node, into=product)
                break
    editor.finish()


def fuse_residual(graph: Graph, types: Mapping[str, TensorType]) -> None:
    """conv(x) + r of equal shapes: the convolution takes r as its fourth input, added before the activation.

    It then runs where the sum stood, so r exists by then. Of two convolutions the later one takes the other's output.
    """
    editor = Editor(graph)
    position = {id(node): i for i, node in enumerate(graph.nodes)}
    moved: dict[int, Node] = {}  # the sum that a convolution replaces
    for node in graph.nodes:
        if node.op != "Add" or len({types[name] for name in (*node.inputs, *node.outputs)}) != 1:
            continue
        makers = [adder(name, editor) for name in node.inputs]
        if node.inputs[0] == node.inputs[1] or not any(makers):
            continue
        i = max((0, 1), key=lambda i: position[id(makers[i])] if makers[i] is not None else -1)
        conv = makers[i]
        assert conv is not None
        editor.set_input(conv, 3, node.inputs[1 - i])
        conv.activation = node.activation
        editor.merge(node, into=conv)
        moved[id(node)] = conv
        position[id(conv)] = position[id(node)]
    replaced = {id(conv) for conv in moved.values()}
    graph.nodes = [moved.get(id(node), node) for node in graph.nodes if id(node) not in replaced]
    editor.finish()


def adder(name: str, editor: Editor) -> Node | None:
    """The convolution that could add something to this value."""
    conv = editor.private_producer(name, "Conv")
    return conv if conv is not None and conv.activation is None and not conv.input(3) else None
