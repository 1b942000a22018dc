"""Convolutions and matrix products."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.attributes import get_bool, get_float
from fastinfer.graph.geometry import conv_transpose_window, conv_window, groups_of
from fastinfer.graph.ir import Node
from fastinfer.reference.registry import reference
from fastinfer.reference.windows import windows_of

Array = npt.NDArray[Any]

_PLANES = (slice(None), slice(None))  # batch and channels


@reference("Conv", widen=True)
def conv(node: Node, x: Array, w: Array, bias: Array | None = None, residual: Array | None = None) -> tuple[Array, ...]:
    """x (N, C, spatial...), w (O, C / groups, kernel...): one matrix product a group over the gathered windows."""
    if "places" in node.attributes:
        x = x[:, node.attributes["places"]]
    window = conv_window(node, x.shape, w.shape)
    groups, spatial = groups_of(node), x.ndim - 2
    windows = windows_of(x, window, 0)  # N, C, size..., kernel...
    columns = windows.reshape(len(x), groups, -1, *windows.shape[2:])  # N, G, C/G, size..., kernel...
    order = (1, 0, *range(3, 3 + spatial), 2, *range(3 + spatial, 3 + 2 * spatial))
    depth = w[0].size
    lhs = columns.transpose(order).reshape(groups, -1, depth)  # G, N * size, C/G * kernel
    rhs = w.reshape(groups, -1, depth).transpose(0, 2, 1)  # G, C/G * kernel, O/G
    y = (lhs @ rhs).reshape(groups, len(x), *window.size, -1)  # G, N, size..., O/G
    y = y.transpose(1, 0, y.ndim - 1, *range(2, y.ndim - 1)).reshape(len(x), len(w), *window.size)
    if bias is not None:
        y = y + bias.reshape(-1, *(1,) * spatial)
    return (y if residual is None else y + residual,)


@reference("ConvTranspose", widen=True)
def conv_transpose(node: Node, x: Array, w: Array, bias: Array | None = None) -> tuple[Array, ...]:
    """x (N, C, spatial...), w (C, O / groups, kernel...): every input pixel adds its multiple of the kernel."""
    window = conv_transpose_window(node, x.shape, w.shape)
    groups = groups_of(node)
    batch, spatial = len(x), x.shape[2:]
    lhs = w.reshape(groups, len(w) // groups, -1).transpose(0, 2, 1)  # G, O/G * kernel, C/G
    rhs = x.reshape(batch, groups, len(w) // groups, -1)  # N, G, C/G, spatial
    products = (lhs @ rhs).reshape(batch, groups * w.shape[1], *window.kernel, *spatial)
    reach = [(n - 1) * s + e for n, s, e in zip(spatial, window.strides, window.extent, strict=True)]
    room = [max(r, b + n) for r, b, n in zip(reach, window.pad_begin, window.size, strict=True)]
    canvas = np.zeros((batch, groups * w.shape[1], *room), x.dtype)
    for tap in itertools.product(*map(range, window.kernel)):
        at = (
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, window.dilations, spatial, window.strides, strict=True)
        )
        place, source = (*_PLANES, *at), (*_PLANES, *tap)
        canvas[place] += products[source]
    crop = (*_PLANES, *(slice(b, b + n) for b, n in zip(window.pad_begin, window.size, strict=True)))
    y = canvas[crop]
    return (y if bias is None else y + bias.reshape(-1, *(1,) * len(spatial)),)


@reference("Gemm", widen=True)
def gemm(node: Node, a: Array, b: Array, c: Array | None = None) -> tuple[Array, ...]:
    """alpha * a' * b' + beta * c; whole alpha and beta for integers."""
    y = (a.T if get_bool(node, "transA") else a) @ (b.T if get_bool(node, "transB") else b)
    alpha, beta = get_float(node, "alpha"), get_float(node, "beta")
    if alpha != 1:
        y = (y * alpha).astype(a.dtype)
    if c is None:
        return (y,)
    return (y + (c if beta == 1 else (c * beta).astype(a.dtype)),)


@reference("MatMul", widen=True)
def matmul(node: Node, a: Array, b: Array) -> tuple[Array, ...]:
    return (np.matmul(a, b),)
