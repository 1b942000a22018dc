"""Convolutions, NHWC; a 1-D one is a 2-D one of height 1. Weights go along in the form they are stored in."""

from __future__ import annotations

from typing import Any

from fastinfer.errors import UnsupportedOperatorError
from fastinfer.graph.geometry import Window, conv_transpose_window, conv_window, groups_of
from fastinfer.graph.ir import Node
from fastinfer.graph.weight import Weight
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.refusals import refused_rank
from fastinfer.plan.lower.registry import lower
from fastinfer.plan.lower.view import View

MOST_PLANAR_CHANNELS = 4


def window_attributes(window: Window) -> dict[str, Any]:
    """strides, dilations and pads (top, left, bottom, right) of a 1-D or 2-D window, as a 2-D one."""
    extra = (0,) * (2 - len(window.kernel))
    ones = (1,) * len(extra)
    return {
        "strides": [*ones, *window.strides],
        "dilations": [*ones, *window.dilations],
        "pads": [*extra, *window.pad_begin, *extra, *window.pad_end],
    }


@lower("Conv", "ConvTranspose", float32=True)
def _conv(node: Node, builder: Builder) -> None:
    x_type, w_type = builder.type(node.inputs[0]), builder.type(node.inputs[1])
    refused = refused_rank(node.op, len(x_type.shape))
    if refused:
        raise UnsupportedOperatorError(refused, operators=(node.op,), node=node.label())
    transposed = node.op == "ConvTranspose"
    window = (conv_transpose_window if transposed else conv_window)(node, x_type.shape, w_type.shape)
    planar = builder.layouts.get(node.outputs[0]) == "planar"
    read, output = (
        (builder.read_planar, builder.output_planar) if planar else (builder.read_image, builder.output_image)
    )
    x = read(node.inputs[0]) if planar else _input(node, builder)
    residual = read(node.inputs[3]) if node.input(3) else None
    w, w_view = _weight(node, builder)
    bias, bias_view = operand(builder, node.input(2))
    y = output(node.outputs[0])
    builder.step(
        "conv_transpose" if transposed else "conv",
        [x, residual, w_view, bias_view],
        [y],
        [w, bias],
        activation=node.activation,
        groups=groups_of(node),
        places=node.attributes.get("places", []),
        thresholded=int(builder.thresholded),
        **window_attributes(window),
        **_of_layout(planar, 1.0 if w is None else builder.derived.density(w)),
    )


def _input(node: Node, builder: Builder) -> View:
    """NHWC; but a few planar channels go as they are, as a first layer gets them: `direct` reads them so."""
    x = builder.read(node.inputs[0])
    few = x.rank == 4 and x.shape[1] <= MOST_PLANAR_CHANNELS and groups_of(node) == 1
    if node.op == "Conv" and few and builder.weight(node.inputs[1]) is not None and views.is_plain(x):
        return x
    return builder.read_image(node.inputs[0])


def _of_layout(planar: bool, density: float) -> dict[str, Any]:
    """What tells a planar or pruned convolution from others."""
    attributes: dict[str, Any] = {"planar": True} if planar else {}
    return attributes if density == 1 else {**attributes, "density": density}


def operand(builder: Builder, name: str) -> tuple[Weight | None, View | None]:
    """A weight, or the view of a computed value, or neither if the name is empty."""
    if not name:
        return None, None
    weight = builder.weight(name)
    return (weight, None) if weight is not None else (None, builder.read_plain(name))


def _weight(node: Node, builder: Builder) -> tuple[Weight | None, View | None]:
    """The filter as OIHW (ConvTranspose: IOHW)."""
    weight, view = operand(builder, node.inputs[1])
    if weight is not None and len(weight.shape) == 3:
        o, i, k = weight.shape
        return builder.derived.reshaped(weight, (o, i, 1, k)), None
    if view is not None and view.rank == 3:
        return None, views.insert_axis(view, 2)
    return weight, view
