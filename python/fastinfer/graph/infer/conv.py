"""Convolutions and matrix products."""

from __future__ import annotations

from fastinfer.graph.attributes import get_bool
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import broadcasts_to, conv_transpose_window, conv_window, groups_of, matmul_shape
from fastinfer.graph.infer.context import Context, Shape
from fastinfer.graph.infer.registry import infer
from fastinfer.graph.ir import Node, TensorType


def _float_dtype(context: Context, *inputs: int) -> DType:
    dtype = context.same_dtype(*inputs)
    if not dtype.is_float:
        raise context.dtype_error(f"wants floats, got {dtype.value}", inputs[0])
    return dtype


def _check_ranks(context: Context, x: Shape, w: Shape) -> None:
    if len(x) < 3:
        raise context.shape_error(f"wants batch, channels and spatial axes, got shape {x}", 0)
    if len(w) != len(x):
        raise context.shape_error(f"weight has {len(w)} axes, x has {len(x)}", 1)
    if 0 in w:
        raise context.shape_error(f"the weight is empty: {w}", 1)


def _check_bias(context: Context, channels: int) -> None:
    bias = context.type(2)
    if bias is not None and bias.shape != (channels,):
        raise context.shape_error(f"bias wants shape ({channels},), has {bias.shape}", 2)


@infer("Conv")
def conv(node: Node, context: Context) -> list[TensorType]:
    """x (N, C, spatial...), w (O, C / groups, kernel...), bias (O), residual of the output's shape."""
    dtype = _float_dtype(context, 0, 1, 2, 3)
    x, w = context.shape(0), context.shape(1)
    _check_ranks(context, x, w)
    groups = groups_of(node)
    channels = len(node.attributes.get("places", range(x[1])))
    if channels != w[1] * groups:
        raise context.shape_error(f"weight wants {w[1] * groups} input channels, x has {channels}", 1)
    if w[0] % groups:
        raise context.shape_error(f"{w[0]} output channels do not divide into {groups} groups", 1)
    _check_bias(context, w[0])
    y = (x[0], w[0], *conv_window(node, x, w).size)
    residual = context.type(3)
    if residual is not None and residual.shape != y:
        raise context.shape_error(f"residual wants shape {y}, has {residual.shape}", 3)
    return [TensorType(dtype, y)]


@infer("ConvTranspose")
def conv_transpose(node: Node, context: Context) -> list[TensorType]:
    """x (N, C, spatial...), w (C, O / groups, kernel...), bias (O)."""
    dtype = _float_dtype(context, 0, 1, 2)
    x, w = context.shape(0), context.shape(1)
    _check_ranks(context, x, w)
    groups = groups_of(node)
    if x[1] != w[0]:
        raise context.shape_error(f"weight wants {w[0]} input channels, x has {x[1]}", 1)
    if x[1] % groups:
        raise context.shape_error(f"{x[1]} input channels do not divide into {groups} groups", 1)
    channels = w[1] * groups
    _check_bias(context, channels)
    return [TensorType(dtype, (x[0], channels, *conv_transpose_window(node, x, w).size))]


@infer("Gemm")
def gemm(node: Node, context: Context) -> list[TensorType]:
    """alpha * a' * b' + beta * c with a' (M, K), b' (K, N), c broadcast to (M, N)."""
    dtype = context.same_dtype(0, 1, 2)
    a, b = context.shape(0), context.shape(1)
    if len(a) != 2 or len(b) != 2:
        raise context.shape_error(f"Gemm wants two matrices, got {a} and {b}", 0 if len(a) != 2 else 1)
    m, k = a[::-1] if get_bool(node, "transA") else a
    rows, n = b[::-1] if get_bool(node, "transB") else b
    if k != rows:
        raise context.shape_error(f"cannot multiply ({m}, {k}) by ({rows}, {n}): {k} columns meet {rows} rows", 1)
    c = context.type(2)
    if c is not None and not broadcasts_to(c.shape, (m, n)):
        raise context.shape_error(f"c of shape {c.shape} does not broadcast to ({m}, {n})", 2)
    return [TensorType(dtype, (m, n))]


@infer("MatMul")
def matmul(node: Node, context: Context) -> list[TensorType]:
    dtype = context.same_dtype(0, 1)
    return [TensorType(dtype, matmul_shape(context.shape(0), context.shape(1)))]
