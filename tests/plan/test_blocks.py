"""1x1 convolutions from weights stored in blocks, and when they are chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fastinfer import _core
from fastinfer.compress.prune import largest_blocks
from fastinfer.graph.weight import BlockSparseWeight, DenseWeight
from plan.programs import Net

Array = npt.NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
SAME = {"pads": [0, 0, 0, 0], "dilations": [1, 1], "groups": 1}


def filters(rng: np.random.Generator, o: int, i: int, block: tuple[int, int], density: float) -> BlockSparseWeight:
    return largest_blocks(rng.standard_normal((o, i, 1, 1)).astype(np.float32), density, block)


def convolve(
    rng: np.random.Generator,
    weight: BlockSparseWeight,
    x: Array,
    stride: int = 1,
    pixel: int | None = None,
    **options: Any,
) -> tuple[Array, dict[str, Any]]:
    """The convolution with a bias, a residual and relu, checked."""
    o = weight.shape[0]
    bias = rng.standard_normal(o).astype(np.float32)
    strided = x[:, :, ::stride, ::stride]
    shape = (x.shape[0], o, *strided.shape[2:])
    residual = rng.standard_normal(shape).astype(np.float32)
    net = Net()
    y = net.image(shape, pixel)
    density = np.count_nonzero(weight.dense()) / weight.dense().size
    weights = [weight, DenseWeight(bias)]
    inputs = [net.image_input(x), net.image_input(residual), -1, -1]
    attributes = {"strides": [stride, stride], "activation": "clamp", "activation_beta": float("inf"), **SAME}
    net.step("conv", inputs, [y], weights, name="it", density=density, **attributes)
    net.output(y)
    plan = net.prepare(**options)
    (found,) = net.run_plan(plan)
    matrix = weight.dense().reshape(o, -1).astype(np.float64)
    wanted = np.einsum("oi,nihw->nohw", matrix, strided) + bias[:, None, None] + residual
    magnitude = np.einsum("oi,nihw->nohw", abs(matrix), abs(strided)) + abs(bias)[:, None, None] + abs(residual)
    assert (abs(found - np.maximum(wanted, 0)) <= (x.shape[1] + 3) * EPS * magnitude).all()
    return found, next(row for row in plan.report() if row["name"] == "it")


@pytest.mark.parametrize("block", [(1, 4), (4, 1)])
@pytest.mark.parametrize(
    ("x_shape", "outputs", "stride", "pixel"),
    [
        ((1, 24, 9, 13), 40, 1, None),
        ((2, 16, 7, 7), 20, 1, 24),  # a slice of a wider tensor
        ((3, 12, 9, 8), 16, 2, None),
        ((1, 32, 1, 1), 8, 1, None),
        ((2, 8, 1, 2), 12, 1, None),
    ],
)
def test_convolution(
    block: tuple[int, int], x_shape: tuple[int, ...], outputs: int, stride: int, pixel: int | None
) -> None:
    weight = filters(np.random.default_rng(1), outputs, x_shape[1], block, 0.3)
    x = np.random.default_rng(2).standard_normal(x_shape).astype(np.float32)
    found = []
    for threads in (1, 3):
        options = {"algorithms": {"it": "blocks"}, "threads": threads}
        y, report = convolve(np.random.default_rng(3), weight, x, stride, pixel, **options)
        assert report["algorithm"] == "blocks"
        assert report["weights"] == weight.values.size
        found.append(y)
    assert np.array_equal(*found)


def test_choice_by_density() -> None:
    """Few blocks run as they are; where all are there, the dense product is faster."""
    x = np.random.default_rng(4).standard_normal((1, 128, 14, 14)).astype(np.float32)
    for block in ((1, 4), (4, 1)):
        taken = {}
        for density in (0.05, 1.0):
            weight = filters(np.random.default_rng(5), 256, 128, block, density)
            _, report = convolve(np.random.default_rng(6), weight, x)
            taken[density] = report["algorithm"]
            _, report = convolve(np.random.default_rng(6), weight, x, weights="dense")
            assert report["algorithm"] != "blocks"
        assert taken[0.05] == "blocks" != taken[1.0]


def test_other_windows_decode() -> None:
    rng = np.random.default_rng(7)
    weight = largest_blocks(rng.standard_normal((8, 4, 3, 3)).astype(np.float32), 0.2, (4, 1))
    net = Net()
    y = net.image((1, 8, 4, 4))
    x = net.image_input(rng.standard_normal((1, 4, 6, 6)).astype(np.float32))
    net.step("conv", [x, -1, -1, -1], [y], [weight, None], name="it", strides=[1, 1], **SAME)
    net.output(y)
    (row,) = (row for row in net.prepare().report() if row["name"] == "it")
    assert row["refused"]["blocks"] == "the window has more than one tap"
    with pytest.raises(_core.CoreError, match="applies nowhere"):
        net.prepare(algorithms={"it": "blocks"})
