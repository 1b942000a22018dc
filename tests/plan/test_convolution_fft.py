"""fft as an algorithm of conv: against float64 and the other algorithms, on any number of threads, and its choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plan.programs import Net
from plan.test_convolution import check, convolutions

Array = npt.NDArray[Any]


@st.composite
def wide(draw: st.DrawFn) -> dict[str, Any]:
    """Convolutions that fft takes."""
    kernel = draw(st.tuples(st.integers(3, 9), st.integers(3, 9)))
    dilations = tuple(2 if k < 5 else 1 for k in kernel)
    size = draw(st.tuples(st.integers(9, 20), st.integers(9, 20)))
    return {**draw(convolutions()), "kernel": kernel, "strides": (1, 1), "dilations": dilations, "size": size}


@given(wide())
@settings(max_examples=40, deadline=None)
def test_fft(c: dict[str, Any]) -> None:
    check(c)


@given(wide())
@settings(max_examples=15, deadline=None)
def test_fft_of_a_flipped_filter(c: dict[str, Any]) -> None:
    check(c, transposed=True)


def one_convolution(x: Array, w: Array, **attributes: Any) -> Net:
    net = Net()
    pads = [w.shape[2] // 2, w.shape[3] // 2]
    y = net.image((x.shape[0], w.shape[0], *x.shape[2:]))
    net.conv(net.image_input(x), y, w, pads=pads * 2, **attributes)
    net.output(y)
    return net


def algorithm_of(x: tuple[int, ...], w: tuple[int, ...], **attributes: Any) -> str:
    net = one_convolution(np.zeros(x, np.float32), np.zeros(w, np.float32), **attributes)
    return str(net.prepare().report()[1]["algorithm"])


@pytest.mark.parametrize(
    ("size", "inputs", "outputs", "groups", "kernel"),
    [(9, 20, 150, 1, 5), (60, 3, 20, 1, 5), (30, 40, 40, 40, 7), (20, 8, 12, 4, 5), (40, 4, 4, 1, 31)],
)
def test_fft_is_the_same_on_every_number_of_threads(
    size: int, inputs: int, outputs: int, groups: int, kernel: int
) -> None:
    """Few tiles (threads take columns), several blocks of them, and groups."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, inputs, size, size + 3)).astype(np.float32)
    w = rng.standard_normal((outputs, inputs // groups, kernel, kernel)).astype(np.float32)
    net = one_convolution(x, w, groups=groups)
    results = [net.run(threads=threads, algorithms={"*": "fft"})[0] for threads in (1, 2, 3)]
    assert all(np.array_equal(results[0], result) for result in results[1:])


def test_fft_is_chosen_where_it_gains() -> None:
    """Large windows over large images, but not where its spectra are read for a handful of pixels."""
    assert algorithm_of((1, 64, 112, 112), (64, 64, 11, 11)) == "fft"
    assert algorithm_of((1, 64, 112, 112), (64, 1, 31, 31), groups=64) == "fft"
    assert algorithm_of((1, 256, 2, 2), (256, 256, 5, 5)) != "fft"


def test_fft_is_not_taken_where_it_costs_more_than_time() -> None:
    def refused(inputs: int, kernel: int, **attributes: Any) -> str:
        x, w = np.zeros((1, inputs, 32, 32), np.float32), np.zeros((inputs, inputs, kernel, kernel), np.float32)
        return str(one_convolution(x, w, **attributes).prepare().report()[1]["refused"]["fft"])

    assert refused(16, 9, thresholded=1) == "a step function follows, which its rounding may tip"
    assert refused(400, 15).startswith("the spectra of the weights take ")


def test_fft_says_why_it_is_refused() -> None:
    def reason(kernel: int, **attributes: Any) -> str:
        net = Net()
        size = (16 - 1) // 2 + 1 if "strides" in attributes else 16
        y = net.image((1, 4, size, size))
        pads = [kernel // 2] * 4
        x, w = np.zeros((1, 4, 16, 16), np.float32), np.zeros((4, 4, kernel, kernel), np.float32)
        net.conv(net.image_input(x), y, w, pads=pads, **attributes)
        net.output(y)
        return str(net.prepare().report()[1]["refused"]["fft"])

    assert reason(3) == "the window is below 5x5"
    assert reason(33) == "the window is over 31x31"
    assert reason(5, strides=[2, 2]) == "a stride skips pixels"
