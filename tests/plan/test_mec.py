"""mec and im2col in a plan: every tier and strip against the oracle, and the memory that the report tells of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastinfer import _core
from fastinfer.graph.ir import Activation
from plan.programs import Net
from plan.test_convolution import activation_attributes, bound, oracle

LOWERING = ("im2col", "mec")
STRIP_BYTES = 512 << 10  # that mec keeps of a larger matrix


def check(shape: tuple[int, ...], window: dict[str, Any], algorithm: str, isa: str, gap: int = 0) -> dict[str, Any]:
    """Bias, residual and activation; `shape` of the weights, `gap` between the output's pixels. Returns the report."""
    rng = np.random.default_rng(3)
    batch, height, width = 2, 61, 47
    inputs = shape[1] * window.get("group", 1)
    x = rng.standard_normal((batch, inputs, height, width)).astype(np.float32)
    w, b = rng.standard_normal(shape).astype(np.float32), rng.standard_normal(shape[0]).astype(np.float32)
    size = oracle("Conv", [x, w, b], window, None).shape
    residual = rng.standard_normal(size).astype(np.float32)
    activation = Activation("clamp", -1.0, 6.0)
    net = Net()
    xi, ri, y = net.image_input(x), net.image_input(residual), net.image(size, pixel=size[1] + gap)
    attributes = {"groups" if name == "group" else name: value for name, value in window.items()}
    net.conv(xi, y, w, b, ri, name="it", **attributes, **activation_attributes(activation))
    net.output(y)
    wanted = oracle("Conv", [x, w, b, residual], window, activation)
    tolerance = bound("Conv", x, w, b, residual, {"group": 1, **window})
    plans = [net.prepare(isa=isa, threads=threads, algorithms={"it": algorithm}) for threads in (1, 2)]
    results = [net.run_plan(plan)[0] for plan in plans]
    assert (abs(results[0] - wanted) <= tolerance).all()
    assert np.array_equal(results[0], results[1])
    return next(row for row in plans[0].report() if row["name"] == "it")


@pytest.mark.parametrize("algorithm", LOWERING)
@pytest.mark.parametrize("isa", _core.build_config()["tiers_usable"])
def test_every_tier(isa: str, algorithm: str) -> None:
    pads = [1, 2, 0, 1]
    check((5, 3, 3, 3), {"pads": pads}, algorithm, isa)
    check((19, 7, 5, 2), {"pads": pads, "strides": [2, 3], "dilations": [1, 2]}, algorithm, isa, gap=2)
    check((6, 2, 3, 4), {"pads": pads, "strides": [3, 1], "dilations": [4, 1], "group": 3}, algorithm, isa)
    report = check((4, 40, 3, 3), {"pads": [1, 1, 1, 1]}, algorithm, isa)  # more than one strip
    assert dict(report["lowered_bytes"])[algorithm] > STRIP_BYTES
    assert 0 < report["scratch_bytes"] < 2 * STRIP_BYTES


@pytest.mark.parametrize(
    ("channels", "size", "stride"),
    [(64, 56, 1), (64, 56, 2), (128, 28, 1), (128, 28, 2), (256, 14, 1), (256, 14, 2), (512, 7, 1)],
)
def test_memory_beside_im2col_on_resnet18(channels: int, size: int, stride: int) -> None:
    """The 3x3 layers: MEC's matrix is kernel_h / stride_h times smaller, but for the window's overhang at the end."""
    out, outputs = size // stride, channels * stride
    net = Net()
    y = net.image((1, outputs, out, out))
    weights = np.zeros((outputs, channels, 3, 3), np.float32)
    x = net.image_input(np.zeros((1, channels, size, size), np.float32))
    net.conv(x, y, weights, pads=[1, 1, 1, 1], strides=[stride, stride], name="it")
    net.output(y)
    report = net.prepare(algorithms={"it": "mec"}).report()[1]
    assert report["algorithm"] == "mec"
    lowered = report["lowered_bytes"]
    assert lowered["im2col"] == out * out * 9 * channels * 4
    overhang = (3 - stride) / out  # of the last rows, as a share of the image's
    assert lowered["im2col"] / lowered["mec"] == pytest.approx(3 / (stride + overhang))
    assert lowered["mec"] < lowered["im2col"]
    assert report["scratch_bytes"] < lowered["im2col"]


def test_only_lowering_algorithms_report_a_matrix() -> None:
    net = Net()
    y = net.image((1, 4, 5, 5))
    net.conv(net.image_input(np.zeros((1, 4, 5, 5), np.float32)), y, np.zeros((4, 4, 1, 1), np.float32))
    net.output(y)
    copy, conv, _ = net.prepare().report()
    assert copy["lowered_bytes"] == {}
    assert set(conv["lowered_bytes"]) == set(LOWERING)


def test_a_row_beyond_32_bit_offsets_is_refused() -> None:
    channels, width = 1 << 15, 1 << 13
    net = Net()
    shape = (1, channels, 3, width)
    strides = (0, 1, 0, 0)  # one pixel everywhere, so that the program itself is small
    x = net.view(net.buffer("input", 4 * channels, 0), shape, strides)
    y = net.image((1, 1, 1, width - 2))
    net.conv(x, y, np.zeros((1, channels, 3, 3), np.float32), name="it")
    report = net.prepare().report()[0]
    assert report["refused"]["mec"] == "one output row's matrix is over 2 GiB, beyond 32-bit offsets"
