"""Matrix products. A constant right side goes along as a weight, to be packed once."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastinfer.graph.geometry import broadcast as broadcast_shapes
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import Weight
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.registry import lower
from fastinfer.plan.lower.view import View


def _bias_of(node: Node, i: int, columns: int, builder: Builder) -> tuple[Weight | None, View | None]:
    """Input i as a vector of `columns`: a weight if constant, else a view. (None, None) if it is no such vector."""
    name = node.input(i)
    shape = builder.type(name).shape
    if shape[-1:] != (columns,) or any(n != 1 for n in shape[:-1]):
        return None, None
    weight = builder.weight(name)
    if weight is not None:
        return builder.derived.reshaped(weight, (columns,)), None
    return None, views.reshape(builder.read_plain(name), (columns,))


@lower("Gemm", float32=True)
def _gemm(node: Node, builder: Builder) -> None:
    """y = activation(alpha a b + beta c), a and b transposed where transA and transB say so."""
    alpha, beta = float(attribute(node, "alpha")), float(attribute(node, "beta"))
    y_shape = builder.type(node.outputs[0]).shape
    a = builder.read(node.inputs[0])
    if attribute(node, "transA"):
        a = views.permute(a, (1, 0))
    trans_b = bool(attribute(node, "transB"))
    weight = builder.weight(node.inputs[1])
    b = None
    if weight is None:
        b = builder.read(node.inputs[1])
        b = views.permute(b, (1, 0)) if trans_b else b
    bias: Weight | None = None
    bias_view = residual = None
    if node.input(2) and beta != 0:
        if beta == 1:
            bias, bias_view = _bias_of(node, 2, y_shape[1], builder)
        if bias is None and bias_view is None:
            residual = _scaled(builder.read_broadcast(node.inputs[2], y_shape), beta, builder)
    _matmul(
        builder, node, a, b, [weight, bias], bias_view, residual, trans_b=trans_b and weight is not None, alpha=alpha
    )


def _scaled(view: View, factor: float, builder: Builder) -> View:
    """factor * view, dense."""
    result = builder.new(view.dtype, view.shape)
    if factor == 1:
        builder.copy(view, result)
        return result
    scale = builder.constant_array(np.asarray(factor, view.dtype.numpy))
    builder.step("binary", [view, views.broadcast(scale, view.shape)], [result], function="mul")
    return result


@lower("MatMul", float32=True)
def _matmul_node(node: Node, builder: Builder) -> None:
    """numpy.matmul, 1-D operands included. A pass may have put a bias (N) third and a residual fourth."""
    a_shape, b_shape = (builder.type(name).shape for name in node.inputs[:2])
    a = builder.read(node.inputs[0])
    if a.rank == 1:
        a = views.insert_axis(a, 0)
    weight = builder.weight(node.inputs[1])
    if weight is not None and len(b_shape) == 1:
        weight = builder.derived.reshaped(weight, (b_shape[0], 1))
    bias: Weight | None = None
    bias_view = residual = None
    if node.input(2):
        bias, bias_view = _bias_of(node, 2, b_shape[-1], builder)
    if node.input(3):
        residual = builder.read(node.inputs[3])
    b = None
    if weight is None or len(weight.shape) > 2:
        weight = None
        b = builder.read(node.inputs[1])
        b = views.insert_axis(b, 1) if b.rank == 1 else b
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = views.broadcast(a, (*batch, *a.shape[-2:]))
        b = views.broadcast(b, (*batch, *b.shape[-2:]))
    squeezed = [axis for axis, rank in ((-2, len(a_shape)), (-1, len(b_shape))) if rank == 1]
    _matmul(builder, node, a, b, [weight, bias], bias_view, residual, squeezed=squeezed)


def _matmul(
    builder: Builder,
    node: Node,
    a: View,
    b: View | None,
    weights: list[Weight | None],
    bias: View | None,
    residual: View | None,
    squeezed: list[int] | None = None,
    **attributes: Any,
) -> None:
    """The step; axes of the output that 1-D operands lack are put in for it."""
    y = builder.output(node.outputs[0])
    if squeezed:
        if -1 in squeezed:
            y = views.insert_axis(y, y.rank)
        if -2 in squeezed:
            y = views.insert_axis(y, y.rank - 1)
    builder.step("matmul", [a, b, bias, residual], [y], weights, activation=node.activation, **attributes)
