"""Activations that exporters write out in arithmetic, brought back to one node.

An activation without an ONNX operator of its own is an Identity that carries it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from fastinfer.graph.ir import Activation, Graph, Node
from fastinfer.graph.operators import attribute
from fastinfer.passes.edit import Editor

_TOLERANCE = 1e-4  # constants that exporters write in few digits or in half precision


def fuse_patterns(graph: Graph) -> None:
    """Find hard_sigmoid, hard_swish, silu, gelu and leaky_relu written out."""
    for find in (_hard_sigmoid, _hard_swish, _gated, _gelu, _leaky_relu):
        _apply(graph, find)


def _apply(graph: Graph, find: Callable[[Node, Editor], tuple[str, Activation] | None]) -> None:
    """find(last node, editor) -> (input, activation) of a pattern that ends there. Nodes left without readers stay."""
    editor = Editor(graph)
    for node in graph.nodes:
        found = find(node, editor)
        if found is None:
            continue
        source, activation = found
        for i in range(len(node.inputs)):
            editor.set_input(node, i, "")
        node.op, node.inputs, node.attributes = "Identity", [], {}
        editor.set_input(node, 0, source)
        node.activation = activation
    editor.finish()


def _near(value: float | None, wanted: float) -> bool:
    return value is not None and abs(value - wanted) <= _TOLERANCE * abs(wanted)


def _times(node: Node, factor: float, editor: Editor) -> str | None:
    """x, if the node is x * factor or x / (1 / factor)."""
    if node.activation is not None:
        return None
    if node.op == "Div" and _near(editor.scalar(node.inputs[1]), 1 / factor):
        return node.inputs[0]
    if node.op == "Mul":
        for i in (0, 1):
            if _near(editor.scalar(node.inputs[1 - i]), factor):
                return node.inputs[i]
    return None


def _plus(node: Node | None, term: float, editor: Editor) -> str | None:
    """x, if the node is x + term."""
    if node is None or node.op != "Add" or node.activation is not None:
        return None
    for i in (0, 1):
        if _near(editor.scalar(node.inputs[1 - i]), term):
            return node.inputs[i]
    return None


def _relu6_of_x_plus_3(name: str, editor: Editor) -> str | None:
    """x, if the value is min(max(x + 3, 0), 6) and nothing else reads the steps of it."""
    clip = editor.private_producer(name, "Clip")
    if clip is None or editor.scalar(clip.input(1)) != 0 or editor.scalar(clip.input(2)) != 6:
        return None
    return _plus(editor.private_producer(clip.inputs[0], "Add"), 3, editor)


def _hard_sigmoid(node: Node, editor: Editor) -> tuple[str, Activation] | None:
    """relu6(x + 3) / 6"""
    clipped = _times(node, 1 / 6, editor)
    x = _relu6_of_x_plus_3(clipped, editor) if clipped else None
    return (x, Activation("hard_sigmoid", 1 / 6, 0.5)) if x else None


def _hard_swish(node: Node, editor: Editor) -> tuple[str, Activation] | None:
    """x * relu6(x + 3) / 6, the division last"""
    product = _times(node, 1 / 6, editor)
    mul = editor.private_producer(product, "Mul") if product else None
    if mul is None or mul.activation is not None:
        return None
    for i in (0, 1):
        x = _relu6_of_x_plus_3(mul.inputs[i], editor)
        if x is not None and x == mul.inputs[1 - i]:
            return x, Activation("hard_swish")
    return None


def _gated(node: Node, editor: Editor) -> tuple[str, Activation] | None:
    """x * sigmoid(x), x * hard_sigmoid(x)"""
    if node.op != "Mul" or node.activation is not None:
        return None
    for i in (0, 1):
        gate = editor.private_producer(node.inputs[i], "Sigmoid", "HardSigmoid", "Identity")
        if gate is None or gate.inputs[0] != node.inputs[1 - i]:
            continue
        if gate.op == "Sigmoid":
            return gate.inputs[0], Activation("silu")
        alpha, beta = 0.0, 0.0
        if gate.op == "HardSigmoid":
            alpha, beta = float(attribute(gate, "alpha")), float(attribute(gate, "beta"))
        elif gate.activation is not None and gate.activation.kind == "hard_sigmoid":
            alpha, beta = gate.activation.alpha, gate.activation.beta
        if _near(alpha, 1 / 6) and beta == 0.5:
            return gate.inputs[0], Activation("hard_swish")
    return None


def _gelu(node: Node, editor: Editor) -> tuple[str, Activation] | None:
    """x * (1 + erf(x / sqrt 2)) / 2, the half anywhere in the product"""
    if node.op not in ("Mul", "Div") or node.activation is not None:
        return None
    halved = _times(node, 0.5, editor)
    if halved is not None:  # (x * (1 + erf)) * 0.5
        mul = editor.private_producer(halved, "Mul")
        factors = mul.inputs if mul is not None and mul.activation is None else []
        found = _one_plus_erf(factors, editor)
        return (found[0], Activation("gelu")) if found and found[0] == found[1] else None
    if node.op != "Mul":
        return None
    found = _one_plus_erf(node.inputs, editor)
    if found is not None:  # (x * 0.5) * (1 + erf)
        half = editor.private_producer(found[1], "Mul", "Div")
        return (found[0], Activation("gelu")) if half is not None and _times(half, 0.5, editor) == found[0] else None
    for i in (0, 1):  # x * ((1 + erf) * 0.5)
        half = editor.private_producer(node.inputs[i], "Mul", "Div")
        inner = _times(half, 0.5, editor) if half is not None else None
        found = _one_plus_erf([inner, node.inputs[1 - i]], editor) if inner else None
        if found and found[0] == found[1]:
            return found[0], Activation("gelu")
    return None


def _one_plus_erf(factors: list[str], editor: Editor) -> tuple[str, str] | None:
    """(x, the other factor), if one of two factors is 1 + erf(x / sqrt 2)."""
    if len(factors) != 2:
        return None
    for i in (0, 1):
        argument = _plus(editor.private_producer(factors[i], "Add"), 1, editor)
        erf = editor.private_producer(argument, "Erf") if argument else None
        inner = editor.private_producer(erf.inputs[0], "Mul", "Div") if erf is not None else None
        x = _times(inner, 1 / math.sqrt(2), editor) if inner is not None else None
        if x is not None:
            return x, factors[1 - i]
    return None


def _leaky_relu(node: Node, editor: Editor) -> tuple[str, Activation] | None:
    """max(x, alpha x) with 0 < alpha < 1"""
    if node.op != "Max" or node.activation is not None:
        return None
    for i in (0, 1):
        mul = editor.private_producer(node.inputs[i], "Mul")
        if mul is None or mul.activation is not None:
            continue
        for j in (0, 1):
            alpha = editor.scalar(mul.inputs[1 - j])
            if alpha is not None and 0 < alpha < 1 and mul.inputs[j] == node.inputs[1 - i]:
                return mul.inputs[j], Activation("leaky_relu", alpha)
    return None
