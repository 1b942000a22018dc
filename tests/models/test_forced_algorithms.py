"""Every algorithm, forced wherever it can do a layer: whole networks stay as near onnxruntime as free choice does.

Four networks; all of them with FASTINFER_TEST_PROFILE=thorough. `pytest -s` shows the errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

import fastinfer
from canonical_onnx import to_onnx
from effort import THOROUGH
from fastinfer.compress import prune_connections
from models import nets
from models.small_models import load, model_of, picture

onnxruntime = pytest.importorskip("onnxruntime")

TOLERANCE = {"winograd_f63": 1e-3}  # of the largest output; the others: 1e-4
ANYWHERE = {"direct", "indirect", "im2col", "mec", "sparse", "gapped", "gemm", "naive"}
WINOGRAD = {"winograd_f23", "winograd_f43", "winograd_f63"}
REAL = {
    "mobilenet_v2": ANYWHERE | {"depthwise", "depthwise_planar", "pointwise", "blocks"},
    "resnet18": ANYWHERE | WINOGRAD | {"blocks"},
    "shufflenet_v1_g3": ANYWHERE | {"depthwise", "depthwise_planar", "grouped", "pointwise", "blocks"},
    "squeezenet1_1": (ANYWHERE - {"gapped", "gemm", "naive"}) | WINOGRAD | {"pointwise", "blocks"},
}


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


def error_of(model: Any, x: np.ndarray, expected: np.ndarray, algorithm: str) -> float | None:
    """The largest error by the largest output, within the tolerance; None if no layer can take the algorithm."""
    options: dict[str, Any] = {"threads": 2, "algorithm": algorithm}
    try:
        loaded = fastinfer.load(model, **options)
        found = loaded(x)
    except fastinfer.errors.FastinferError as error:
        if "applies nowhere" not in str(error):
            raise
        return None
    assert any(row.algorithm == algorithm and row.why.startswith("asked for") for row in loaded.plan().rows)
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    assert error <= TOLERANCE.get(algorithm, 1e-4), f"{algorithm}: {error}"
    return error


@pytest.mark.parametrize("algorithm", algorithms())
def test_small_net(algorithm: str) -> None:
    model, x = small_net().SerializeToString(), picture(1, 3, 45, 38)
    assert error_of(model, x, answer(model, x), algorithm) is not None


@pytest.mark.filterwarnings("ignore:.*slow path")
@pytest.mark.parametrize("name", nets.NAMES if THOROUGH else REAL)
def test_real_net(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = nets.materialize(name, tmp_path_factory.mktemp("forced"))
    size = 299 if name == "xception" else 224
    x = picture(1, 3, size, size)
    expected = answer(str(path), x)
    names = sorted({*algorithms(), "depthwise_planar", "gapped", "gemm", "naive", "sparse"})
    errors = {algorithm: error_of(str(path), x, expected, algorithm) for algorithm in names}
    blocks = prune_connections(fastinfer.load(path), 0.5, block=(4, 1))  # what `blocks` is for
    path.unlink()
    fastinfer.save(blocks, path.with_suffix(".fi"))
    expected = answer(to_onnx(blocks.graph, 21).SerializeToString(), x)
    errors["blocks"] = error_of(str(path.with_suffix(".fi")), x, expected, "blocks")
    path.with_suffix(".fi").unlink()
    for algorithm, error in errors.items():
        print(f"{name} {algorithm} {'-' if error is None else f'{error:.1e}'}")
    assert REAL.get(name, set()) <= {algorithm for algorithm, error in errors.items() if error is not None}
