"""Strided views of buffers, and the rearrangements that cost nothing. Strides and offsets count elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from fastinfer.graph.dtype import DType

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Where a tensor's elements are, in logical axis order."""

    buffer: int
    dtype: DType
    shape: Shape
    strides: Shape
    offset: int = 0

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)


def plain_strides(shape: Sequence[int]) -> Shape:
    """Row-major in logical axis order."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 1, 0, -1):
        strides[axis - 1] = strides[axis] * max(shape[axis], 1)
    return tuple(strides)


def channels_last_strides(shape: Sequence[int]) -> Shape:
    """Axis 1 innermost, the others in order: NHWC for 4-D shapes, NWC for 3-D ones."""
    order = [0, *range(2, len(shape)), 1]
    inner = plain_strides([shape[axis] for axis in order])
    strides = [0] * len(shape)
    for axis, stride in zip(order, inner, strict=True):
        strides[axis] = stride
    return tuple(strides)


_LINE = 16  # f32 elements of a cache line
_PAGE = 1024  # f32 elements: planes so far apart would share the same sets of a first-level cache


def planar_strides(shape: Sequence[int]) -> Shape:
    """Row-major (N, C, H, W), planes apart by whole cache lines so that no vector of a plane straddles one."""
    _, channels, height, width = shape
    plane = -(-height * width // _LINE) * _LINE
    if plane % _PAGE == 0:
        plane += _LINE
    return (channels * plane, plane, width, 1)


def is_planar(view: View) -> bool:
    """Whether the view has four axes, the pixels of a plane are one run, and planes do not overlap."""
    if view.rank != 4 or view.size == 0:
        return False
    channels, height, width = view.shape[1:]
    rows = (width == 1 or view.strides[3] == 1) and (height == 1 or view.strides[2] == width)
    return rows and (channels == 1 or view.strides[1] >= height * width)


def canonical_planar(view: View) -> View:
    """The same elements, with the strides of one-element axes set as if the axes around them went on densely."""
    strides = list(view.strides)
    strides[3] = 1
    strides[2] = view.shape[3]
    if view.shape[1] == 1:
        strides[1] = view.shape[2] * view.shape[3]
    if view.shape[0] == 1:
        strides[0] = strides[1] * view.shape[1]
    return replace(view, strides=tuple(strides))


def is_plain(view: View) -> bool:
    """Whether the elements lie densely in logical order (axes of one element may have any stride)."""
    wanted = plain_strides(view.shape)
    return view.size == 0 or all(
        have == want or size == 1 for have, want, size in zip(view.strides, wanted, view.shape, strict=True)
    )


def is_channels_last(view: View) -> bool:
    """Whether axis 1 is innermost with stride 1, and the other axes step forward without overlapping."""
    if view.rank < 3 or view.size == 0:
        return view.size == 0
    if view.shape[1] != 1 and view.strides[1] != 1:
        return False
    extent = view.shape[1]
    for axis in (*range(view.rank - 1, 1, -1), 0):
        if view.shape[axis] == 1:
            continue
        if view.strides[axis] < extent:
            return False
        extent = view.strides[axis] * view.shape[axis]
    return True


def same_elements(a: View, b: View) -> bool:
    """Whether two views are the same elements in the same order."""
    if (a.buffer, a.offset, a.shape, a.dtype) != (b.buffer, b.offset, b.shape, b.dtype):
        return False
    return all(s == t or size == 1 for s, t, size in zip(a.strides, b.strides, a.shape, strict=True))


def canonical_channels_last(view: View) -> View:
    """The same elements, with the strides of one-element axes set as if the axes around them went on densely."""
    strides = list(view.strides)
    strides[1] = 1
    axes = (*range(view.rank - 1, 1, -1), 0)
    for place, axis in enumerate(axes):
        if view.shape[axis] != 1:
            continue
        outer = [strides[other] for other in axes[place + 1 :] if view.shape[other] != 1]
        inner = axes[place - 1] if place else 1
        dense = strides[inner] * view.shape[inner]
        strides[axis] = outer[0] if place == 0 and outer else dense
    return replace(view, strides=tuple(strides))


def permute(view: View, order: Sequence[int]) -> View:
    return replace(
        view,
        shape=tuple(view.shape[axis] for axis in order),
        strides=tuple(view.strides[axis] for axis in order),
    )


def slice_axis(view: View, axis: int, start: int, size: int, step: int = 1) -> View:
    """Elements start, start + step, ... (size of them) of one axis."""
    shape, strides = list(view.shape), list(view.strides)
    offset = view.offset + (start * strides[axis] if size > 0 else 0)
    shape[axis] = size
    strides[axis] *= step
    return replace(view, shape=tuple(shape), strides=tuple(strides), offset=offset)


def insert_axis(view: View, axis: int) -> View:
    """A new axis of one element before `axis`."""
    stride = view.strides[axis] * view.shape[axis] if axis < view.rank else 1
    return replace(
        view,
        shape=(*view.shape[:axis], 1, *view.shape[axis:]),
        strides=(*view.strides[:axis], stride, *view.strides[axis:]),
    )


def drop_axis(view: View, axis: int) -> View:
    """Without one axis, at whose first element the rest is seen."""
    return replace(
        view,
        shape=(*view.shape[:axis], *view.shape[axis + 1 :]),
        strides=(*view.strides[:axis], *view.strides[axis + 1 :]),
    )


def split_axis(view: View, axis: int, sizes: Sequence[int]) -> View:
    """One axis as several, outermost first; the product of sizes is the axis's size."""
    strides = tuple(stride * view.strides[axis] for stride in plain_strides(sizes))
    return replace(
        view,
        shape=(*view.shape[:axis], *sizes, *view.shape[axis + 1 :]),
        strides=(*view.strides[:axis], *strides, *view.strides[axis + 1 :]),
    )


def broadcast(view: View, shape: Sequence[int]) -> View:
    """NumPy's broadcasting: missing leading axes and axes of one element repeat with stride 0."""
    missing = len(shape) - view.rank
    strides = [0] * missing
    for axis, size in enumerate(view.shape):
        strides.append(0 if size == 1 and shape[missing + axis] != 1 else view.strides[axis])
    return replace(view, shape=tuple(shape), strides=tuple(strides))


def reshape(view: View, shape: Sequence[int]) -> View | None:
    """The view under another shape of as many elements, or None if no strides can say that.

    Runs of axes whose sizes multiply to the same number on both sides correspond; such a run can be reshaped if its
    axes lie one inside the other without gaps (as in NumPy's no-copy reshape).
    """
    shape = tuple(shape)
    if view.size == 0:
        return replace(view, shape=shape, strides=plain_strides(shape))
    old = [(size, stride) for size, stride in zip(view.shape, view.strides, strict=True) if size != 1]
    strides: list[int] = [0] * len(shape)
    i = j = 0
    while i < len(old):
        first_old, first_new = i, j
        have, want = old[i][0], shape[j]
        i, j = i + 1, j + 1
        while have != want:
            if have < want:
                have *= old[i][0]
                i += 1
            else:
                want *= shape[j]
                j += 1
        for k in range(first_old, i - 1):
            if old[k][1] != old[k + 1][0] * old[k + 1][1]:
                return None
        stride = old[i - 1][1]
        for k in range(j - 1, first_new - 1, -1):
            strides[k] = stride
            stride *= shape[k]
    inner = 1
    for k in range(len(shape) - 1, -1, -1):  # axes of one element: as if dense
        if shape[k] == 1:
            strides[k] = inner
        inner = strides[k] * shape[k]
    return replace(view, shape=shape, strides=tuple(strides))
