"""Every algorithm of convolution, forced wherever it can do a layer: whole networks stay as near onnxruntime as free
choice does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import fastinfer
from models import nets
from models.small_models import load, model_of, picture

onnxruntime = pytest.importorskip("onnxruntime")

TOLERANCE = {"winograd_f63": 1e-3}  # of the largest output; the others: 1e-4
REAL = ("squeezenet1_1", "resnet18")


def small_net() -> onnx.ModelProto:
    """SqueezeNet-like, with layers for each algorithm: strided, pointwise, 3x3, 5x5, dilated, depthwise, grouped."""
    random = np.random.default_rng(11)
    weights: dict[str, Any] = {}
    nodes = []

    def conv(x: str, y: str, outputs: int, inputs: int, kernel: int, **attributes: Any) -> str:
        taps = inputs * kernel * kernel
        weights[f"w{y}"] = random.standard_normal((outputs, inputs, kernel, kernel)) * (2 / taps) ** 0.5
        weights[f"b{y}"] = random.standard_normal(outputs) * 0.1
        same = (kernel - 1) * attributes.get("dilations", (1, 1))[0] // 2
        inner = [x, f"w{y}", f"b{y}"]
        nodes.append(helper.make_node("Conv", inner, [f"{y}_"], y, **{"pads": [same] * 4, **attributes}))
        nodes.append(helper.make_node("Relu", [f"{y}_"], [y], f"relu_{y}"))
        return y

    x = conv("x", "stem", 24, 3, 7, strides=[2, 2])
    squeezed = conv(x, "squeeze", 16, 24, 1)
    parts = [conv(squeezed, "expand1", 24, 16, 1), conv(squeezed, "expand3", 24, 16, 3)]
    nodes.append(helper.make_node("Concat", parts, ["fire"], "concat", axis=1))
    x = conv("fire", "depthwise", 48, 1, 3, group=48)
    x = conv(x, "grouped", 48, 12, 3, group=4)
    x = conv(x, "dilated", 32, 48, 3, dilations=[2, 2])
    x = conv(x, "wide", 32, 32, 5)
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"], "pool"))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"], "flatten"))
    weights["v"] = random.standard_normal((32, 10))
    nodes.append(helper.make_node("Gemm", ["flat", "v"], ["y"], "dense"))
    return model_of(nodes, [("x", (1, 3, 45, 38))], ["y"], weights)


def algorithms() -> list[str]:
    """What the plan names of a convolution: the one that it takes, and those that it does not."""
    rows = load(small_net(), threads=1).plan().rows
    return sorted({name for row in rows if row.operator == "conv" for name, _ in (*row.refused, (row.algorithm, ""))})


def answer(model: bytes | str, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


def check(model: Any, x: np.ndarray, expected: np.ndarray, algorithm: str) -> bool:
    """Whether the algorithm could do a layer of the network, which then is right."""
    options: dict[str, Any] = {"threads": 2, "algorithm": algorithm}
    try:
        loaded = fastinfer.load(model, **options)
        found = loaded(x)
    except fastinfer.errors.FastinferError as error:
        if "applies nowhere" not in str(error):
            raise
        return False
    assert any(row.algorithm == algorithm and row.why == "asked for" for row in loaded.plan().rows)
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert error <= TOLERANCE.get(algorithm, 1e-4), f"{algorithm}: {error}"
    return True


@pytest.mark.parametrize("algorithm", algorithms())
def test_small_net(algorithm: str) -> None:
    model, x = small_net().SerializeToString(), picture(1, 3, 45, 38)
    assert check(model, x, answer(model, x), algorithm)


@pytest.mark.parametrize("name", REAL)
def test_real_net(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = nets.materialize(name, tmp_path_factory.mktemp("forced"))
    x = picture(1, 3, 224, 224)
    expected = answer(str(path), x)
    applied = [algorithm for algorithm in algorithms() if check(str(path), x, expected, algorithm)]
    path.unlink()
    everywhere = {"direct", "im2col", "indirect", "mec", "winograd_f23", "winograd_f43", "winograd_f63"}
    assert everywhere <= set(applied)
