"""Activations go into the operator that makes their input."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Activation, Graph, Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.passes.edit import Editor

_LINEAR = ("Conv", "ConvTranspose", "Gemm")  # f32, always
_OTHERS = ("MatMul", "BatchNormalization", "Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "PRelu")
_PLAIN = {"Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hard_swish"}


def activation_of(node: Node, editor: Editor) -> Activation | None:
    """The activation that the node is, if it can be fused."""
    if node.op == "Relu":
        return Activation("clamp", 0.0, math.inf)
    if node.op == "Clip":
        return _clip(node, editor)
    if node.op in _PLAIN:
        return Activation(_PLAIN[node.op])
    if node.op in ("LeakyRelu", "Elu"):
        return Activation("leaky_relu" if node.op == "LeakyRelu" else "elu", float(attribute(node, "alpha")))
    if node.op == "HardSigmoid":
        return Activation("hard_sigmoid", float(attribute(node, "alpha")), float(attribute(node, "beta")))
    if node.op == "Gelu":
        return Activation("gelu") if attribute(node, "approximate") == "none" else None
    return node.activation if node.op == "Identity" else None


def _clip(node: Node, editor: Editor) -> Activation | None:
    bounds = []
    for i, absent in ((1, -math.inf), (2, math.inf)):
        name = node.input(i)
        bound = editor.scalar(name) if name else absent
        if bound is None or np.isnan(bound):
            return None
        bounds.append(bound)
    return Activation("clamp", *bounds)


def fuse_activation(graph: Graph, types: Mapping[str, TensorType] | None = None) -> None:
    """Fuse where the operator has no activation and its output no other reader.

    Without types, into the linear operators only; with types also into other f32 arithmetic.
    """
    editor = Editor(graph)
    for node in graph.nodes:
        activation = activation_of(node, editor)
        if activation is None:
            continue
        maker = taker(node.inputs[0], editor, types)
        if maker is not None:
            maker.activation = activation
            editor.merge(node, into=maker)
    editor.finish()


def taker(name: str, editor: Editor, types: Mapping[str, TensorType] | None = None) -> Node | None:
    """The maker of the value, if it can apply an activation to it: it has none, and the value one reader only."""
    maker = editor.private_producer(name, *_LINEAR, *_OTHERS)
    if maker is None or maker.activation is not None or maker.outputs[0] != name:
        return None
    if maker.op in _OTHERS and (types is None or types[name].dtype is not DType.F32):
        return None
    return maker
