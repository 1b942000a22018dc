"""Convolutions whose work threads share: the number of threads changes no bit."""

from __future__ import annotations

import numpy as np
import pytest

from plan.programs import Net


@pytest.mark.parametrize("algorithm", ["winograd_f23", "winograd_f43", "winograd_f63", "fft"])
@pytest.mark.parametrize(
    ("size", "inputs", "outputs"),
    [((7, 9), 1, 1), ((7, 9), 20, 50), ((26, 22), 136, 130), ((61, 58), 3, 17), ((3, 70), 136, 70)],
)
def test_threads_do_not_change_transformed_tiles(
    algorithm: str, size: tuple[int, int], inputs: int, outputs: int
) -> None:
    """Threads share blocks of tiles, or have blocks of their own: as weights and tiles are many or few."""
    rng = np.random.default_rng(0)
    kernel = 5 if algorithm == "fft" else 3
    x = rng.standard_normal((2, inputs, *size)).astype(np.float32)
    w = rng.standard_normal((outputs, inputs, kernel, kernel)).astype(np.float32)
    residual = rng.standard_normal((2, outputs, *size)).astype(np.float32)
    net = Net()
    y = net.image((2, outputs, *size))
    b = rng.standard_normal(outputs).astype(np.float32)
    net.conv(net.image_input(x), y, w, b, net.image_input(residual), name="it", pads=[kernel // 2] * 4)
    net.output(y)
    (wanted,) = net.run(algorithms={"it": algorithm})
    for threads in (2, 3, 5):
        (found,) = net.run(algorithms={"it": algorithm}, threads=threads)
        assert np.array_equal(found, wanted), threads


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("size", [(7, 7), (1, 3), (1, 1)])
def test_threads_do_not_change_shared_columns(groups: int, size: tuple[int, int]) -> None:
    """More weights than a core keeps and few rows: panels that are left over are cut by rows, where there are rows."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 64 * groups, *size)).astype(np.float32)
    w = rng.standard_normal((520, 64, 3, 3)).astype(np.float32)
    net = Net()
    y = net.image((1, 520, *size))
    net.conv(net.image_input(x), y, w, name="it", pads=[1] * 4, groups=groups)
    net.output(y)
    (wanted,) = net.run(algorithms={"it": "indirect"})
    for threads in (2, 3, 4, 5):
        (found,) = net.run(algorithms={"it": "indirect"}, threads=threads)
        assert np.array_equal(found, wanted), threads


def test_threads_do_not_change_a_bit() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((1, 36, 19, 23)).astype(np.float32)
    for groups, outputs in ((1, 70), (9, 36), (36, 36)):
        w = rng.standard_normal((outputs, 36 // groups, 3, 3))
        net = Net()
        y = net.image((1, w.shape[0], 19, 23))
        net.conv(net.image_input(x), y, w.astype(np.float32), pads=[1, 1, 1, 1], groups=groups)
        net.output(y)
        results = [net.run(threads=threads)[0] for threads in (1, 2, 3)]
        assert all(np.array_equal(results[0], result) for result in results[1:])
