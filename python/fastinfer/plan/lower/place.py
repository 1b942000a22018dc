"""Where results are written so that nobody has to move them: the caller's arrays, and slices of a Concat's buffer.

The nodes are walked from last to first. A value that has a place hands it on: a Concat to its inputs, slice by slice;
an operator whose output is a rearranged view (Reshape, Transpose, ...) to its input, rearranged back. A place is an
offer: a lowering that cannot use it (it makes a view, or its kernel wants another layout) ignores it, and the one who
made the offer copies.
"""

from __future__ import annotations

from math import prod

from fastinfer.graph.geometry import normalize_axis
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.view import View

_RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


def place(builder: Builder) -> list[View]:
    """Fill in builder.placement; the views of the caller's output arrays, in order."""
    outputs = []
    computed = {name for node in builder.graph.nodes for name in node.outputs if name}
    for index, info in enumerate(builder.graph.outputs):
        kind = builder.type(info.name)
        target = builder.output_buffer(index, kind)
        outputs.append(target)
        if info.name in computed:
            _offer(builder, info.name, target)
    for node in reversed(builder.graph.nodes):
        if node.op == "Concat":
            _place_parts(node, builder, computed)
        elif node.op in _RESHAPES or node.op == "Transpose" or (node.op == "Identity" and not node.activation):
            _hand_back(node, builder, computed)
    return outputs


def _offer(builder: Builder, name: str, view: View) -> None:
    """Give the value this place, unless it has one or wants to lie otherwise."""
    kind = builder.type(name)
    if name in builder.placement or kind.dtype is not view.dtype or view.size == 0:
        return
    if builder.layouts.get(name) == "nhwc" and view.rank > 2 and not views.is_channels_last(view):
        return
    if builder.layouts.get(name) == "planar" and not views.is_planar(view):
        return
    builder.placement[name] = view


def _hand_back(node: Node, builder: Builder, computed: set[str]) -> None:
    target = builder.placement.get(node.outputs[0])
    source = node.inputs[0]
    if target is None or source not in computed:
        return
    shape = builder.type(source).shape
    seen: View | None
    if node.op == "Transpose":
        order = attribute(node, "perm")
        order = list(order) if order is not None else list(range(len(shape)))[::-1]
        seen = views.permute(target, [order.index(axis) for axis in range(len(order))])
    else:
        seen = views.reshape(target, shape)
    if seen is not None:
        _offer(builder, source, seen)


def _place_parts(node: Node, builder: Builder, computed: set[str]) -> None:
    """Offer the inputs slices of the output, which gets a buffer now if it has no place."""
    name = node.outputs[0]
    kind = builder.type(name)
    axis = normalize_axis(attribute(node, "axis"), len(kind.shape))
    free = [part in computed and part not in builder.placement and node.inputs.count(part) == 1 for part in node.inputs]
    if prod(kind.shape) == 0 or not any(free):
        return  # if they all lie in a row elsewhere, this Concat is a view of that
    if name not in builder.placement:
        builder.placement[name] = builder.new(kind.dtype, kind.shape, builder.layouts.get(name, "plain"))
    target = builder.placement[name]
    start = 0
    for part, offered in zip(node.inputs, free, strict=True):
        size = builder.type(part).shape[axis]
        if offered:
            _offer(builder, part, views.slice_axis(target, axis, start, size))
        start += size
