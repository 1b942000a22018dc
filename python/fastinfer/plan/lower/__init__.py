"""Lowering: a graph of known types becomes a program of steps over strided views (plan/records.py).

    program = lower_graph(graph, types, layouts, derived)

Rearrangements are views wherever strides can say them, results go straight into slices of Concat's buffers and into the
caller's arrays, and layouts are converted where a step asks for another than the value has.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastinfer.errors import FastinferError, UnsupportedOperatorError
from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.ir import Graph, TensorType
from fastinfer.plan.lower import convolution, elementwise, movement, normalization, product, reduction, resize, window
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.groups import depth_first_groups
from fastinfer.plan.lower.place import place
from fastinfer.plan.lower.refusals import check_lowerable, require_dtypes
from fastinfer.plan.lower.registry import LOWERINGS, lower
from fastinfer.plan.records import Program

__all__ = ["LOWERINGS", "Builder", "DerivedWeights", "check_lowerable", "lower", "lower_graph"]

_ROOMS = (
    convolution,
    elementwise,
    movement,
    normalization,
    product,
    reduction,
    resize,
    window,
)  # they register themselves


def lower_graph(
    graph: Graph,
    types: Mapping[str, TensorType],
    layouts: Mapping[str, str] | None = None,
    derived: DerivedWeights | None = None,
) -> Program:
    """The program of the graph. types: of every value, weights included. layouts: nhwc or plain, for computed values.

    Input buffer i is the array of graph.inputs[i] and output buffer i that of graph.outputs[i], dense and row-major.
    Raises UnsupportedOperatorError, DTypeError, ShapeError.
    """
    builder = Builder(graph, types, layouts or {}, derived or DerivedWeights())
    targets = place(builder)
    for node in graph.nodes:
        lowering = LOWERINGS.get(node.op)
        if lowering is None:
            raise UnsupportedOperatorError(f"no lowering of {node.op}", operators=(node.op,), node=node.label())
        builder.label = node.label()
        try:
            require_dtypes(node, types)
            lowering(node, builder)
        except FastinferError as error:
            error.located(node=node.label())
            raise
    for info, target in zip(graph.outputs, targets, strict=True):
        builder.label = info.name
        builder.copy(builder.read(info.name), target, name=f"output({info.name})")
    builder.program.groups = depth_first_groups(builder.program)
    return builder.program
