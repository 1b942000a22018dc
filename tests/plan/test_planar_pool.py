"""The pool step of planar tensors: what it computes, with threads and images, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastinfer import _core
from plan.programs import Net

WINDOW: dict[str, Any] = {"kernel": [3, 2], "strides": [2, 1], "dilations": [1, 2], "pads": [1, 0, 0, 1]}


def pooled(x: np.ndarray, planar: bool, threads: int = 1, **attributes: Any) -> np.ndarray:
    net = Net()
    shape = (*x.shape[:2], (x.shape[2] + 1 - 3) // 2 + 1, x.shape[3] + 1 - 2)
    y = net.plain(shape) if planar else net.image(shape)
    net.step("pool", [net.input(x) if planar else net.image_input(x)], [y], planar=planar, **WINDOW | attributes)
    net.output(y)
    return net.run(threads=threads)[0]


@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("threads", [1, 3])
def test_planes_are_pooled_like_images(kind: str, threads: int) -> None:
    x = np.random.default_rng(0).standard_normal((2, 7, 13, 40)).astype(np.float32)
    for count_include_pad in (False, True):
        found = pooled(x, True, threads, kind=kind, count_include_pad=count_include_pad)
        expected = pooled(x, False, kind=kind, count_include_pad=count_include_pad)
        np.testing.assert_allclose(found, expected, rtol=0, atol=0 if kind == "max" else 1e-6)
    assert pooled(x[:0], True, kind=kind).shape == (0, 7, 6, 39)


@pytest.mark.parametrize("attributes", [{"kind": "lp"}, {"kind": "max", "kernel": [3, 3], "dilations": [1, 1 << 19]}])
def test_refusals(attributes: dict[str, Any]) -> None:
    with pytest.raises(_core.CoreError, match="no planar kernel") as error:
        pooled(np.zeros((1, 2, 5, 5), np.float32), True, **attributes)
    assert error.value.kind == "unsupported"
