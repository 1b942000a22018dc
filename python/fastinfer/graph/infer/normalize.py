"""Normalizations and softmax."""

from __future__ import annotations

from fastinfer.graph.attributes import get_int, refuse
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import broadcasts_to, normalize_axis
from fastinfer.graph.infer.context import Context
from fastinfer.graph.infer.registry import infer
from fastinfer.graph.ir import Node, TensorType


@infer("BatchNormalization", "InstanceNormalization")
def channel_normalization(node: Node, context: Context) -> list[TensorType]:
    """x (N, C, ...), and parameters (C): scale, bias, and for batch normalization mean and variance."""
    x = context.need_float(0)
    if len(x.shape) < (2 if node.op == "InstanceNormalization" else 1):
        raise context.shape_error(f"wants batch and channels, got shape {x.shape}", 0)
    channels = x.shape[1] if len(x.shape) > 1 else 1
    for i in range(1, len(context)):
        parameter = context.need_float(i)
        if parameter.shape != (channels,):
            raise context.shape_error(f"wants shape ({channels},), has {parameter.shape}", i)
    return [x]


@infer("LayerNormalization")
def layer_normalization(node: Node, context: Context) -> list[TensorType]:
    """y; mean and 1 / deviation with size 1 from `axis` on. Scale and bias broadcast to x."""
    x = context.need_float(0)
    context.same_dtype(0, 1, 2)
    axis = normalize_axis(get_int(node, "axis"), len(x.shape))
    for i in (1, 2):
        parameter = context.type(i)
        if parameter is not None and not broadcasts_to(parameter.shape, x.shape):
            raise context.shape_error(f"shape {parameter.shape} does not broadcast to {x.shape}", i)
    statistics = TensorType(DType.F32, (*x.shape[:axis], *(1 for _ in x.shape[axis:])))
    if x.dtype is DType.F64:
        statistics = TensorType(DType.F64, statistics.shape)
    return [x, statistics, statistics]


@infer("LRN")
def lrn(node: Node, context: Context) -> list[TensorType]:
    x = context.need_float(0)
    if len(x.shape) < 2:
        raise context.shape_error(f"wants batch and channels, got shape {x.shape}", 0)
    if get_int(node, "size") < 1:
        raise refuse(node, "size", f"must be at least 1, is {get_int(node, 'size')}")
    return [x]


@infer("Softmax", "LogSoftmax")
def softmax(node: Node, context: Context) -> list[TensorType]:
    x = context.need_float(0)
    axis = get_int(node, "axis")
    if axis != 0 or x.shape:  # a scalar is its own row
        normalize_axis(axis, max(len(x.shape), 1))
    return [x]
