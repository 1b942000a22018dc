"""Axes, broadcasting, slices and the target of a Reshape. Errors name no node: their callers know it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from fastinfer.errors import AttributeValueError, ShapeError

Shape = tuple[int, ...]

_ALL = (2**31 - 1, 2**63 - 1)


def normalize_axis(axis: int, rank: int) -> int:
    """The axis counted from 0; a negative one counts from the end."""
    if not -rank <= axis < rank:
        raise AttributeValueError(f"axis {axis} is outside of a tensor of {rank} axes")
    return axis + rank if axis < 0 else axis


def normalize_axes(axes: Iterable[int], rank: int) -> Shape:
    """The axes counted from 0, in the order given; a repeated one is refused."""
    found = tuple(normalize_axis(axis, rank) for axis in axes)
    if len(set(found)) != len(found):
        raise AttributeValueError(f"axes {list(found)} name one axis twice")
    return found


def broadcast(*shapes: Shape) -> Shape:
    """The shape that all of them broadcast to, by the rules of NumPy."""
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    rank = max(map(len, shapes))
    result = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size != 1 and size != result[axis]:
                if result[axis] != 1:
                    raise ShapeError(f"shapes {' and '.join(map(str, shapes))} do not broadcast")
                result[axis] = size
    return tuple(result)


def broadcasts_to(shape: Shape, target: Shape) -> bool:
    """Whether the shape broadcasts to the target, the target staying as it is."""
    skip = len(target) - len(shape)
    return skip >= 0 and all(n in (1, m) for n, m in zip(shape, target[skip:], strict=True))


def expand_shape(shape: Shape, target: Sequence[int]) -> Shape:
    """The result of Expand: the two shapes broadcast against each other."""
    if any(size < 0 for size in target):
        raise ShapeError(f"a shape has no negative sizes, wants {list(target)}")
    return broadcast(shape, tuple(target))


def reduced_shape(shape: Shape, axes: Sequence[int], keepdims: bool) -> Shape:
    """What is left of the shape when the (normalised) axes are reduced."""
    if keepdims:
        return tuple(1 if i in axes else size for i, size in enumerate(shape))
    return tuple(size for i, size in enumerate(shape) if i not in axes)


def reshape_target(shape: Shape, target: Sequence[int], allow_zero: bool = False) -> Shape:
    """Reshape's output: 0 copies the input's size (unless allow_zero), one -1 is what is left over."""
    sizes = list(target)
    if any(size < -1 for size in sizes) or sizes.count(-1) > 1:
        raise ShapeError(f"cannot reshape to {list(target)}")
    if allow_zero and -1 in sizes and 0 in sizes:
        raise ShapeError(f"cannot reshape to {list(target)}: with allowzero, 0 and -1 exclude each other")
    if not allow_zero:
        for i, size in enumerate(sizes):
            if size == 0:
                if i >= len(shape):
                    raise ShapeError(f"cannot reshape {shape} to {list(target)}: there is no axis {i} to copy")
                sizes[i] = shape[i]
    count = prod(shape)
    if -1 in sizes:
        rest = prod(size for size in sizes if size != -1)
        if rest == 0 and count == 0:
            sizes[sizes.index(-1)] = 0
        elif rest == 0 or count % rest:
            raise ShapeError(f"cannot reshape {shape} ({count} elements) to {list(target)}")
        else:
            sizes[sizes.index(-1)] = count // rest
    if prod(sizes) != count:
        raise ShapeError(f"cannot reshape {shape} ({count} elements) to {list(target)}")
    return tuple(sizes)


def slice_bounds(
    shape: Shape,
    starts: Sequence[int],
    ends: Sequence[int],
    axes: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
) -> list[tuple[int, int, int]]:
    """(start, count, step) for every axis of the shape; elements start + i * step for i < count are taken."""
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ShapeError(
            f"{len(starts)} starts, {len(ends)} ends, {len(axes)} axes and {len(steps)} steps do not match"
        )
    bounds = [(0, size, 1) for size in shape]
    for axis, start, end, step in zip(normalize_axes(axes, len(shape)), starts, ends, steps, strict=True):
        bounds[axis] = _taken(shape[axis], start, end, step)
    return bounds


def _taken(size: int, start: int, end: int, step: int) -> tuple[int, int, int]:
    """One axis of a Slice: as Python's slices, but going backwards a start before the first element is the first, and
    the largest integer as the end means all that is left in either direction, as onnxruntime has it."""
    if step == 0:
        raise AttributeValueError("a slice's step must not be 0")
    start = start + size if start < 0 else start
    if end in _ALL:
        end = size if step > 0 else -1
    elif end < 0:
        end += size
    least, most = (0, size) if step > 0 else (-1, size - 1)
    start, end = min(max(start, 0), most), min(max(end, least), most)
    count = max(-((start - end) // step), 0)
    # With one element or none, the step (it may be any int64) says nothing.
    return (start if count else 0, count, step if count > 1 else 1)


def split_sizes(size: int, parts: int, split: Sequence[int] | None) -> list[int]:
    """The sizes of the `parts` outputs of Split; without `split`, equal ones (the last may be smaller)."""
    if split is not None:
        if len(split) != parts or sum(split) != size or any(part < 0 for part in split):
            raise ShapeError(f"cannot split {size} into {list(split)} for {parts} outputs")
        return list(split)
    if parts < 1:
        raise ShapeError("Split has no outputs")
    chunk = -(-size // parts)
    sizes = [chunk] * (parts - 1) + [size - chunk * (parts - 1)]
    if sizes[-1] < 0:
        raise ShapeError(f"cannot split {size} into {parts} parts")
    return sizes


def pad_amounts(rank: int, pads: Sequence[int], axes: Sequence[int] | None = None) -> tuple[Shape, Shape]:
    """Pad's amounts (begins, ends) for every axis, given those of `axes`; negative ones crop."""
    named = tuple(range(rank)) if axes is None else normalize_axes(axes, rank)
    if len(pads) != 2 * len(named):
        raise ShapeError(f"wants {2 * len(named)} pads for {len(named)} axes, got {len(pads)}")
    begins, ends = [0] * rank, [0] * rank
    for i, axis in enumerate(named):
        begins[axis], ends[axis] = pads[i], pads[len(named) + i]
    return tuple(begins), tuple(ends)


def squeezed_shape(shape: Shape, axes: Sequence[int] | None) -> Shape:
    """Squeeze: without the axes named, or without all of size 1."""
    if axes is None:
        return tuple(size for size in shape if size != 1)
    named = normalize_axes(axes, len(shape))
    for axis in named:
        if shape[axis] != 1:
            raise ShapeError(f"cannot squeeze axis {axis} of {shape}: its size is not 1")
    return tuple(size for i, size in enumerate(shape) if i not in named)


def unsqueezed_shape(shape: Shape, axes: Sequence[int]) -> Shape:
    """Unsqueeze: axes of size 1 put in where `axes` say, as numbered in the result."""
    rank = len(shape) + len(axes)
    named = normalize_axes(axes, rank)
    rest = iter(shape)
    return tuple(1 if i in named else next(rest) for i in range(rank))


def matmul_shape(a: Shape, b: Shape) -> Shape:
    """MatMul's output: numpy.matmul's rules, 1-D operands included."""
    if not a or not b:
        raise ShapeError(f"cannot multiply {a} by {b}: both want an axis")
    wide_a = (1, *a) if len(a) == 1 else a
    wide_b = (*b, 1) if len(b) == 1 else b
    if wide_a[-1] != wide_b[-2]:
        raise ShapeError(f"cannot multiply {a} by {b}: {wide_a[-1]} columns meet {wide_b[-2]} rows")
    batch = broadcast(wide_a[:-2], wide_b[:-2])
    rows = () if len(a) == 1 else (wide_a[-2],)
    columns = () if len(b) == 1 else (wide_b[-1],)
    return (*batch, *rows, *columns)
