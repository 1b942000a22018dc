"""Sliding windows: what convolution and pooling attributes say, resolved against an input's size."""

from __future__ import annotations

from dataclasses import dataclass

from fastinfer.errors import ShapeError
from fastinfer.graph.attributes import get_bool, get_int, get_ints, get_str, refuse
from fastinfer.graph.ir import Node

Shape = tuple[int, ...]

_LIMIT = 1 << 31


@dataclass(frozen=True, slots=True)
class Window:
    """One entry per spatial axis each. Pads are what is laid around the input; `size` is the output's.

    A pooling window may still reach past pad_end where ceil_mode made the output one larger.
    """

    kernel: Shape
    strides: Shape
    dilations: Shape
    pad_begin: Shape
    pad_end: Shape
    size: Shape

    @property
    def pads(self) -> list[int]:
        """Begins, then ends: top, left, bottom, right."""
        return [*self.pad_begin, *self.pad_end]

    @property
    def extent(self) -> Shape:
        """Input positions that a window spans, dilation counted."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True))


def conv_window(node: Node, x: Shape, w: Shape) -> Window:
    """Conv's window: x (N, C, spatial...), w (O, I / groups, kernel...)."""
    _check_kernel_shape(node, w)
    return _forward(node, x[2:], w[2:], ceil_mode=False)


def pool_window(node: Node, x: Shape) -> Window:
    """The window of MaxPool, AveragePool or LpPool: x (N, C, spatial...)."""
    rank = len(x) - 2
    if rank < 1:
        raise ShapeError(f"{node.op} wants at least 3 axes, the input has shape {x}", node=node.label())
    kernel = get_ints(node, "kernel_shape", rank, low=1, high=_LIMIT)
    if kernel is None:
        raise refuse(node, "kernel_shape", "is missing")
    window = _forward(node, x[2:], kernel, ceil_mode=get_bool(node, "ceil_mode"))
    for axis, (n, extent) in enumerate(zip(x[2:], window.extent, strict=True)):
        begin, last = window.pad_begin[axis], (window.size[axis] - 1) * window.strides[axis]
        if n and window.size[axis] > 0 and (begin >= extent or last - begin >= n):
            raise refuse(node, "pads", f"is {window.pads}: a window of {list(window.extent)} holds nothing but pads")
    return window


def conv_transpose_window(node: Node, x: Shape, w: Shape) -> Window:
    """ConvTranspose's window: x (N, C, spatial...), w (C, O / groups, kernel...).

    size = stride * (in - 1) + output_padding + extent - pad_begin - pad_end. Where output_shape asks for more than the
    windows cover, pad_end is negative.
    """
    _check_kernel_shape(node, w)
    spatial, kernel = x[2:], w[2:]
    rank = len(spatial)
    strides, dilations = _strides(node, rank)
    extra = get_ints(node, "output_padding", rank, low=0, high=_LIMIT) or (0,) * rank
    auto_pad = get_str(node, "auto_pad")
    full = [
        s * (n - 1) + e + (k - 1) * d + 1
        for n, k, s, d, e in zip(spatial, kernel, strides, dilations, extra, strict=True)
    ]
    size = get_ints(node, "output_shape", None, low=1, high=_LIMIT)
    if size is not None and len(size) == rank + 2:
        size = size[2:]  # old exporters wrote batch and channels too
    if size is None and auto_pad.startswith("SAME"):
        size = tuple(n * s for n, s in zip(spatial, strides, strict=True))
    if size is None:
        pads = get_ints(node, "pads", 2 * rank, low=0, high=_LIMIT) if auto_pad == "NOTSET" else None
        begin, end = _halves(pads, rank)
        size = tuple(f - b - e for f, b, e in zip(full, begin, end, strict=True))
    else:
        if len(size) != rank:
            raise refuse(node, "output_shape", f"wants {rank} integers, is {list(size)}")
        total = [f - n for f, n in zip(full, size, strict=True)]
        small, large = [max(t, 0) // 2 for t in total], [max(t, 0) - max(t, 0) // 2 for t in total]
        begin = tuple(small if auto_pad == "SAME_UPPER" else large)
        end = tuple(t - b for t, b in zip(total, begin, strict=True))
    if any(n < 1 for n in size) and all(spatial):
        raise ShapeError(f"pads {[*begin, *end]} leave nothing of the output {full}", node=node.label())
    return Window(kernel, strides, dilations, begin, end, tuple(max(n, 0) for n in size))


def _forward(node: Node, spatial: Shape, kernel: Shape, ceil_mode: bool) -> Window:
    rank = len(spatial)
    strides, dilations = _strides(node, rank)
    auto_pad = get_str(node, "auto_pad")
    extent = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
    if auto_pad.startswith("SAME"):
        size = tuple(-(-n // s) for n, s in zip(spatial, strides, strict=True))
        total = [max((m - 1) * s + e - n, 0) for n, m, s, e in zip(spatial, size, strides, extent, strict=True)]
        small, large = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
        begin, end = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
        return Window(kernel, strides, dilations, begin, end, size)
    pads = get_ints(node, "pads", 2 * rank, low=0, high=_LIMIT) if auto_pad == "NOTSET" else None
    begin, end = _halves(pads, rank)
    size = tuple(
        _windows(node, n, e, s, b, c, ceil_mode)
        for n, e, s, b, c in zip(spatial, extent, strides, begin, end, strict=True)
    )
    return Window(kernel, strides, dilations, begin, end, size)


def _windows(node: Node, size: int, extent: int, stride: int, begin: int, end: int, ceil_mode: bool) -> int:
    """How many windows fit. ceil_mode adds a partial last one, if it starts inside the input or the pad before it."""
    room = size + begin + end - extent
    if room < 0:
        if ceil_mode and size > 0 and room > -stride:
            return 1
        reason = f"a window of {extent} does not fit an input of {size} with pads {begin} and {end}"
        raise ShapeError(reason, node=node.label())
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= size + begin else count


def _strides(node: Node, rank: int) -> tuple[Shape, Shape]:
    ones = (1,) * rank
    strides = get_ints(node, "strides", rank, low=1, high=_LIMIT) or ones
    dilations = get_ints(node, "dilations", rank, low=1, high=_LIMIT) or ones
    return strides, dilations


def _halves(pads: Shape | None, rank: int) -> tuple[Shape, Shape]:
    return (pads[:rank], pads[rank:]) if pads else ((0,) * rank, (0,) * rank)


def _check_kernel_shape(node: Node, w: Shape) -> None:
    kernel = get_ints(node, "kernel_shape", None, low=1, high=_LIMIT)
    if kernel is not None and kernel != w[2:]:
        raise refuse(node, "kernel_shape", f"is {list(kernel)}, but the weight has shape {w}")


def groups_of(node: Node) -> int:
    """The attribute `group`, at least 1."""
    groups = get_int(node, "group")
    if groups < 1:
        raise refuse(node, "group", f"must be at least 1, is {groups}")
    return groups
