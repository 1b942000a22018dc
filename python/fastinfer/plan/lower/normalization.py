"""Batch, instance, layer and local response normalisation, and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import normalize_axis
from fastinfer.graph.ir import Node, TensorType
from fastinfer.graph.operators import attribute
from fastinfer.graph.weight import DenseWeight
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.movement import copy_reshaped
from fastinfer.plan.lower.registry import lower
from fastinfer.plan.lower.view import View


@lower("BatchNormalization")
def _batch_normalization(node: Node, builder: Builder) -> None:
    """y = x a + b for each channel, a = scale / sqrt(var + epsilon), b = shift - mean a.

    Passes fold this where they can. What is left is a 1x1 depthwise convolution, or, if the parameters are computed or
    there are other than 3 or 4 axes, products and sums.
    """
    values = [builder.value(name) for name in node.inputs[1:]]
    x_type = builder.type(node.inputs[0])
    if any(value is None for value in values):
        factor, term = _computed_affine(node, builder)
    else:
        scale, shift, mean, variance = (np.asarray(value, np.float64) for value in values)
        a = scale / np.sqrt(variance + float(attribute(node, "epsilon")))
        b = shift - mean * a
        if x_type.dtype is DType.F32 and len(x_type.shape) in (3, 4):
            _depthwise_affine(node, builder, a.astype(np.float32), b.astype(np.float32))
            return
        factor, term = (builder.constant_array(v.astype(x_type.dtype.numpy)) for v in (a, b))
    x = builder.read(node.inputs[0])
    y = builder.output(node.outputs[0])
    aligned = (x.shape[1] if x.rank > 1 else 1, *(1,) * (x.rank - 2))
    operands = []
    for vector in (factor, term):
        seen = views.reshape(vector, aligned)
        assert seen is not None
        operands.append(views.broadcast(seen, x.shape))
    product = builder.new(x.dtype, x.shape, builder.layouts.get(node.outputs[0], "plain"))
    builder.step("binary", [x, operands[0]], [product], function="mul")
    builder.step("binary", [product, operands[1]], [y], function="add", activation=node.activation)


def _depthwise_affine(node: Node, builder: Builder, a: np.ndarray, b: np.ndarray) -> None:
    builder.step(
        "conv",
        [builder.read_image(node.inputs[0]), None, None, None],
        [builder.output_image(node.outputs[0])],
        [DenseWeight(a.reshape(a.size, 1, 1, 1)), DenseWeight(b)],
        activation=node.activation,
        strides=[1, 1],
        dilations=[1, 1],
        pads=[0, 0, 0, 0],
        groups=a.size,
    )


def _computed_affine(node: Node, builder: Builder) -> tuple[View, View]:
    scale, shift, mean, variance = (builder.read_plain(name) for name in node.inputs[1:])
    kind = TensorType(variance.dtype, variance.shape)
    epsilon = builder.constant_array(np.asarray(attribute(node, "epsilon"), kind.dtype.numpy))

    def combine(function: str, left: View, right: View) -> View:
        result = builder.new(kind.dtype, kind.shape)
        operands = [views.broadcast(left, kind.shape), views.broadcast(right, kind.shape)]
        builder.step("binary", operands, [result], function=function)
        return result

    deviation = builder.new(kind.dtype, kind.shape)
    builder.step("unary", [combine("add", variance, epsilon)], [deviation], function="sqrt", alpha=0.0, beta=0.0)
    factor = combine("div", scale, deviation)
    return factor, combine("sub", shift, combine("mul", mean, factor))


@lower("InstanceNormalization", float32=True)
def _instance_normalization(node: Node, builder: Builder) -> None:
    """Over the pixels of each image and channel; more than two spatial axes are seen as one."""
    scale, shift = (builder.read_plain(name) for name in node.inputs[1:3])
    shape = builder.type(node.inputs[0]).shape
    epsilon = float(attribute(node, "epsilon"))
    if len(shape) in (3, 4):
        x = builder.read_image(node.inputs[0])
        y = builder.output_image(node.outputs[0])
        builder.step("instance_norm", [x, scale, shift], [y], epsilon=epsilon)
        return
    flat = (*shape[:2], 1, int(np.prod(shape[2:], dtype=np.int64)))
    dense = views.reshape(builder.read_plain(node.inputs[0]), flat)
    assert dense is not None
    result = builder.new(DType.F32, flat, "nhwc")
    builder.step("instance_norm", [builder.as_channels_last(dense), scale, shift], [result], epsilon=epsilon)
    copy_reshaped(builder, result, builder.output(node.outputs[0]))


@lower("LRN", float32=True)
def _lrn(node: Node, builder: Builder) -> None:
    x = builder.read_image(node.inputs[0])
    parameters: dict[str, Any] = {name: float(attribute(node, name)) for name in ("alpha", "beta", "bias")}
    y = builder.output_image(node.outputs[0])
    builder.step("lrn", [x], [y], size=int(attribute(node, "size")), **parameters)


@lower("LayerNormalization", float32=True)
def _layer_normalization(node: Node, builder: Builder) -> None:
    x = builder.read_plain(node.inputs[0])
    axis = normalize_axis(attribute(node, "axis"), x.rank)
    operands: list[View | None] = []
    for i in (1, 2):
        name = node.input(i)
        operands.append(builder.as_plain(views.broadcast(builder.read(name), x.shape[axis:])) if name else None)
    outputs = [builder.output(node.outputs[0])]
    if any(node.outputs[1:]):
        kept = (*x.shape[:axis], *(1,) * (x.rank - axis))
        for i in (1, 2):
            name = node.outputs[i] if i < len(node.outputs) else ""
            outputs.append(builder.output(name) if name else builder.new(DType.F32, kept))
    builder.step("layer_norm", [x, *operands], outputs, axis=axis, epsilon=float(attribute(node, "epsilon")))


@lower("Softmax", "LogSoftmax")
def _softmax(node: Node, builder: Builder) -> None:
    """flatten: the tensor is a matrix of prod(shape[:axis]) rows, each of which is one softmax."""
    x = builder.read(node.inputs[0])
    log = node.op == "LogSoftmax"
    axis = normalize_axis(attribute(node, "axis"), max(x.rank, 1)) if x.rank else 0
    y = builder.output(node.outputs[0])
    if attribute(node, "flatten") and axis < x.rank - 1:
        rows = int(np.prod(x.shape[:axis], dtype=np.int64))
        matrix = (rows, x.size // rows if rows else 0)
        dense, target = views.reshape(builder.as_plain(x), matrix), views.reshape(y, matrix)
        assert dense is not None
        result = target or builder.new(y.dtype, matrix)
        softmax(builder, dense, result, 1, log)
        if target is None:
            copy_reshaped(builder, result, y)
        return
    if x.rank == 0:
        x, y, axis = views.insert_axis(x, 0), views.insert_axis(y, 0), 0
    softmax(builder, x, y, axis, log)


def softmax(builder: Builder, x: View, y: View, axis: int, log: bool) -> None:
    """y = softmax of x along the axis; f64 in its parts: exp(x - max) / sum, or x - max - log(sum)."""
    if x.dtype is DType.F32:
        builder.step("softmax", [x], [y], axis=axis, log=log)
        return
    kept = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    most, total = builder.new(x.dtype, kept), builder.new(x.dtype, kept)
    shifted, power = builder.new(x.dtype, x.shape), builder.new(x.dtype, x.shape)
    builder.step("reduce", [x], [most], function="max", axes=[axis])
    builder.step("binary", [x, views.broadcast(most, x.shape)], [shifted], function="sub")
    builder.step("unary", [shifted], [power], function="exp", alpha=0.0, beta=0.0)
    builder.step("reduce", [power], [total], function="sum", axes=[axis])
    if log:
        builder.step("unary", [total], [most], function="log", alpha=0.0, beta=0.0)
        builder.step("binary", [shifted, views.broadcast(most, x.shape)], [y], function="sub")
    else:
        builder.step("binary", [power, views.broadcast(total, x.shape)], [y], function="div")
