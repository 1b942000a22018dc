"""View arithmetic against NumPy's own, over drawn shapes: the same elements, and a refusal where NumPy copies."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastinfer.graph.dtype import DType
from fastinfer.plan.lower import view as views
from fastinfer.plan.lower.movement import common_shape
from fastinfer.plan.lower.view import View

sizes = st.integers(1, 4)


@st.composite
def strided(draw: st.DrawFn) -> tuple[View, np.ndarray]:
    """A view of some buffer, and the NumPy array that it means: permuted, sliced and broadcast axes."""
    shape = draw(st.lists(sizes, min_size=1, max_size=5))
    order = draw(st.permutations(range(len(shape))))
    dense = np.arange(np.prod(shape)).reshape(shape).astype(np.int32)
    view = View(0, DType.S32, tuple(shape), views.plain_strides(shape))
    array, view = dense.transpose(order), views.permute(view, order)
    for axis in range(len(shape)):
        start = draw(st.integers(0, array.shape[axis] - 1))
        step = draw(st.sampled_from([1, 1, 2]))
        taken = range(array.shape[axis])[start::step]
        array = array[(slice(None),) * axis + (slice(start, None, step),)]
        view = views.slice_axis(view, axis, start, len(taken), step)
    if draw(st.booleans()):
        array = np.broadcast_to(array[..., None], (*array.shape, 3))
        view = views.broadcast(views.insert_axis(view, view.rank), (*view.shape, 3))
    return view, array


def elements(view: View, buffer_size: int = 4**6) -> np.ndarray:
    buffer = np.arange(buffer_size, dtype=np.int32)
    return np.lib.stride_tricks.as_strided(buffer[view.offset :], view.shape, [4 * s for s in view.strides])


@given(strided())
def test_views_mean_what_they_say(drawn: tuple[View, np.ndarray]) -> None:
    view, array = drawn
    np.testing.assert_array_equal(elements(view), array)


@given(strided(), st.data())
def test_reshape_is_numpys_where_it_needs_no_copy(drawn: tuple[View, np.ndarray], data: st.DataObject) -> None:
    view, array = drawn
    left, shape = array.size, []
    for _ in range(data.draw(st.integers(0, 4))):
        shape.append(data.draw(st.sampled_from([d for d in range(1, left + 1) if left % d == 0])))
        left //= shape[-1]
    shape.append(left)
    seen = views.reshape(view, shape)
    copied = not np.shares_memory(array, array.reshape(shape))
    if seen is not None:
        np.testing.assert_array_equal(elements(seen), array.reshape(shape))
    if not copied:
        assert seen is not None


@given(strided())
def test_plain_and_same_elements(drawn: tuple[View, np.ndarray]) -> None:
    view, array = drawn
    assert views.is_plain(view) == array.flags.c_contiguous
    assert views.same_elements(view, views.reshape(view, view.shape) or view)


@given(st.tuples(sizes, sizes, sizes, sizes))
def test_channels_last(shape: tuple[int, int, int, int]) -> None:
    view = View(0, DType.F32, shape, views.channels_last_strides(shape))
    assert views.is_channels_last(view)
    canonical = views.canonical_channels_last(view)
    assert views.same_elements(view, canonical)
    n, c, h, w = shape
    assert canonical.strides == (h * w * c, 1, w * c, c)
    sliced = views.slice_axis(
        View(0, DType.F32, (n, c + 3, h, w), views.channels_last_strides((n, c + 3, h, w))), 1, 2, c
    )
    assert views.is_channels_last(sliced)
    assert views.same_elements(sliced, views.canonical_channels_last(sliced))
    plain = View(0, DType.F32, shape, views.plain_strides(shape))
    assert views.is_channels_last(plain) == (c == 1 or h == w == 1)


def test_a_view_that_repeats_elements_is_no_picture() -> None:
    view = View(0, DType.F32, (2, 3, 4, 4), (0, 1, 12, 3))
    assert not views.is_channels_last(view)


@given(st.permutations([2, 2, 3, 5]), st.permutations([2, 2, 3, 5]), st.integers(1, 3), st.integers(1, 3))
def test_common_shape_splits_both(a: list[int], b: list[int], cut_a: int, cut_b: int) -> None:
    left = (int(np.prod(a[:cut_a])), *a[cut_a:])
    right = (int(np.prod(b[:cut_b])), *b[cut_b:])
    shape = common_shape(left, right)
    assert np.prod(shape) == 60
    x = np.arange(60)
    np.testing.assert_array_equal(x.reshape(left).reshape(shape).reshape(right), x.reshape(right))
