"""Pooling, local and global."""

from __future__ import annotations

from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import pool_window
from fastinfer.graph.infer.context import Context
from fastinfer.graph.infer.registry import infer
from fastinfer.graph.ir import Node, TensorType


@infer("MaxPool")
def max_pool(node: Node, context: Context) -> list[TensorType]:
    """y, and where the maxima stood: flat indices into x."""
    x = context.need(0)
    shape = (*x.shape[:2], *pool_window(node, x.shape).size)
    return [TensorType(x.dtype, shape), TensorType(DType.S64, shape)]


@infer("AveragePool", "LpPool")
def float_pool(node: Node, context: Context) -> list[TensorType]:
    x = context.need_float(0)
    return [TensorType(x.dtype, (*x.shape[:2], *pool_window(node, x.shape).size))]


@infer("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool")
def global_pool(node: Node, context: Context) -> list[TensorType]:
    x = context.need_float(0)
    if len(x.shape) < 2:
        raise context.shape_error(f"wants batch and channels, got shape {x.shape}", 0)
    if 0 in x.shape[2:]:
        raise context.shape_error(f"there is nothing to pool in {x.shape}", 0)
    return [TensorType(x.dtype, (*x.shape[:2], *(1 for _ in x.shape[2:])))]
