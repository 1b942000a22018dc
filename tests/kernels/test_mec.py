"""MEC: the matrix lowered in one direction, through its offsets, is im2col's matrix; and it is smaller."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from fastinfer import _core
from kernels.test_im2col import F32, ROWS, lowerings
from kernels.test_im2col import name as name


def im2col_rows(arguments: dict[str, Any], image: int, begin: int, end: int) -> np.ndarray:
    """The rows of the strip's pixels of im2col's matrix."""
    height, width = arguments["output_size"]
    rows = _core.run_reference("im2col", **arguments)
    return np.asarray(rows[(image * height + begin) * width : (image * height + end) * width])


def through_offsets(matrix: np.ndarray, offsets: np.ndarray, columns: int) -> np.ndarray:
    """The rows that a product reads: `taps` pieces of neighbouring elements each."""
    taps, pixels = offsets.shape
    at = offsets.T[:, :, None] // matrix.itemsize + np.arange(columns // taps)
    return np.asarray(matrix.reshape(-1)[at].reshape(pixels, columns))


def check(kernel: str, arguments: dict[str, Any], image: int, begin: int, end: int) -> None:
    strip = (image, begin, end)
    matrix = _core.run_kernel(kernel, **arguments, strip=strip)
    offsets = _core.mec_offsets(**arguments, strip=strip)
    (kernel_h, _), (stride, _) = arguments["kernel"], arguments["strides"]
    dilation = arguments["dilations"][0]
    assert matrix.shape[1] == (end - begin - 1) * stride + (kernel_h - 1) * dilation + 1
    assert offsets.shape[0] == (1 if dilation == 1 else kernel_h)
    expected = im2col_rows(arguments, image, begin, end)
    assert np.array_equal(through_offsets(matrix, offsets, expected.shape[1]), expected), kernel


@settings(max_examples=150, deadline=None)
@given(lowerings())
def test_any_window(arguments: dict[str, Any]) -> None:
    height, width = arguments["output_size"]
    if not height * width:
        return
    for row in ROWS:
        if row["usable"]:
            check(row["name"], arguments, 0, 0, height)
            check(row["name"], arguments, len(arguments["x"]) - 1, height // 3, height // 3 + 1)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_each_input_row_stands_once(name: str, stride: int) -> None:
    """im2col's matrix takes kernel_h / stride_h times more, but for the window's overhang."""
    height, kernel = 16, 5
    arguments: dict[str, Any] = {
        "x": np.random.default_rng(0).standard_normal((1, 64, 9, 3)).astype(F32),
        "kernel": (kernel, 3), "strides": (stride, 1), "dilations": (1, 1), "pads": (2, 1), "output_size": (height, 9),
    }  # fmt: skip
    check(name, arguments, 0, 0, height)
    matrix = _core.run_kernel(name, **arguments, strip=(0, 0, height))
    share = matrix.size / _core.run_reference("im2col", **arguments).size
    assert share == ((height - 1) * stride + kernel) / (height * kernel)
    assert share <= (stride + (kernel - stride) / height) / kernel


def test_rows_that_no_output_reads_are_left_alone(name: str) -> None:
    x = np.ones((1, 9, 4, 2), F32)
    window: dict[str, Any] = {"kernel": (1, 1), "strides": (4, 1), "output_size": (3, 4)}
    matrix = _core.run_kernel(name, x=x, **window, strip=(0, 0, 3))
    assert np.isfinite(matrix[:, [0, 4, 8]]).all()
    assert np.isnan(np.delete(matrix, [0, 4, 8], axis=1)).all()


@pytest.mark.parametrize("strip", [(1, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 1, 1), (0, 0, 4)])
def test_bad_strips(name: str, strip: tuple[int, int, int]) -> None:
    with pytest.raises(_core.CoreError) as error:
        _core.run_kernel(name, x=np.ones((1, 3, 3, 2), F32), kernel=(1, 1), output_size=(3, 3), strip=strip)
    assert error.value.kind == "value"
