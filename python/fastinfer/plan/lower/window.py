"""Pooling. f32 pictures take the NHWC or planar kernels, anything else the strided room."""

from __future__ import annotations

from typing import Any

from fastinfer.errors import UnsupportedOperatorError
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import pool_window
from fastinfer.graph.ir import Node
from fastinfer.graph.operators import attribute
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.convolution import window_attributes
from fastinfer.plan.lower.pictures import pool_picture
from fastinfer.plan.lower.reduction import reduce_axes
from fastinfer.plan.lower.registry import lower

_POOLS = {"MaxPool": "max", "AveragePool": "average", "LpPool": "lp"}


def _is_picture(node: Node, builder: Builder) -> bool:
    kind = builder.type(node.inputs[0])
    return kind.dtype is DType.F32 and len(kind.shape) in (3, 4)


@lower(*_POOLS)
def _pool(node: Node, builder: Builder) -> None:
    window = pool_window(node, builder.type(node.inputs[0]).shape)
    attributes: dict[str, Any] = {"kind": _POOLS[node.op]}
    if node.op == "AveragePool":
        attributes["count_include_pad"] = bool(attribute(node, "count_include_pad"))
    if node.op == "LpPool":
        attributes["p"] = int(attribute(node, "p"))
    indices = node.outputs[1] if len(node.outputs) > 1 else ""
    if _is_picture(node, builder) and not indices:
        if builder.layouts.get(node.outputs[0]) == "planar":
            x, y = builder.read_planar(node.inputs[0]), builder.output_planar(node.outputs[0])
            attributes["planar"] = True
        else:
            x, y = builder.read_image(node.inputs[0]), builder.output_image(node.outputs[0])
        attributes.update(window_attributes(window))
        attributes["kernel"] = [*(1,) * (2 - len(window.kernel)), *window.kernel]
        builder.step("pool", [x], [y], **attributes)
        return
    attributes.update(
        kernel=list(window.kernel), strides=list(window.strides), dilations=list(window.dilations), pads=window.pads
    )
    outputs = [builder.output(node.outputs[0])] if node.outputs[0] else [_unnamed(node, builder)]
    if indices:
        outputs.append(builder.output(indices))
        attributes["storage_order"] = int(attribute(node, "storage_order"))
    builder.step("pool_nd", [builder.read(node.inputs[0])], outputs, **attributes)


def _unnamed(node: Node, builder: Builder) -> views.View:
    """Room for the values of a MaxPool of which only the indices are read."""
    kind = builder.type(node.outputs[1])
    return builder.new(builder.type(node.inputs[0]).dtype, kind.shape)


@lower("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def _global_pool(node: Node, builder: Builder) -> None:
    shape = builder.type(node.inputs[0]).shape
    kind = {"GlobalAveragePool": "average", "GlobalMaxPool": "max"}.get(node.op)
    planar = builder.layouts.get(node.inputs[0]) == "planar"
    if kind and _is_picture(node, builder) and not planar:
        pool_picture(builder, builder.read_image(node.inputs[0]), builder.output_image(node.outputs[0]), kind)
        return
    if kind is None and attribute(node, "p") not in (1, 2):
        reason = f"GlobalLpPool has p 1 or 2 here, not {attribute(node, 'p')}"
        raise UnsupportedOperatorError(reason, operators=(node.op,), node=node.label())
    function = {"average": "mean", "max": "max", None: "l1"}[kind]
    if kind is None and attribute(node, "p") == 2:
        function = "l2"
    reduce_axes(node, builder, function, list(range(2, len(shape))))
