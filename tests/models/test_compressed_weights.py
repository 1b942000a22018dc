"""Models whose weights stay compressed while they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper

import fastinfer
from fastinfer.compress import deep_compression
from fastinfer.file.fi import fi_bytes
from fastinfer.graph.weight import Bf16Weight, CsrWeight, DenseWeight, Weight

Array = npt.NDArray[Any]
DENSITY = 0.15
F32 = onnx.TensorProto.FLOAT


def network(rng: np.random.Generator) -> bytes:
    """3x3 convolution of 16 channels, then two products: Gemm with transB, and MatMul."""
    weights = {
        "conv": rng.standard_normal((16, 3, 3, 3)),
        "first": rng.standard_normal((300, 16 * 64)),
        "second": rng.standard_normal((300, 40)),
        "bias": rng.standard_normal(300),
    }
    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("Gemm", ["f", "first", "bias"], ["g"], transB=1),
        helper.make_node("Relu", ["g"], ["r"]),
        helper.make_node("MatMul", ["r", "second"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", F32, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", F32, ["n", 40])],
        [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture(params=[False, True], ids=["plain", "huffman"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    model = fastinfer.load(network(np.random.default_rng(0)), threads=1)
    small = deep_compression(model, DENSITY, bits=4, index_bits=5, huffman=request.param)
    fastinfer.save(small, tmp_path / "model.fi")
    return tmp_path / "model.fi"


def run(model: fastinfer.Model, batch: int) -> Array:
    x = np.random.default_rng(batch).standard_normal((batch, 3, 8, 8)).astype(np.float32)
    return np.asarray(model(x))


def test_products_run_from_what_is_stored(path: Path) -> None:
    """Whatever keeps its form gives the same numbers, to the rounding of sums of at most 1024 terms."""
    models = {how: fastinfer.load(path, threads=1, weights=how) for how in ("compressed", "auto", "dense")}
    taken = {how: [r.algorithm for r in m.plan().rows if r.operator == "matmul"] for how, m in models.items()}
    assert set(taken["compressed"]) <= {"gapped", "windowed"}
    assert taken["dense"] == ["gemm", "gemm"]
    assert not [r for r in models["compressed"].plan().rows if r.algorithm.startswith("winograd")]
    for batch in (1, 3, 8):
        wanted = run(models["dense"], batch)
        for how in ("compressed", "auto"):
            np.testing.assert_allclose(run(models[how], batch), wanted, atol=1e-5 * abs(wanted).max(), rtol=0)


def test_memory(path: Path) -> None:
    """The two products' weights take 1.5 bytes for each that is there, and no second plan packs them again."""
    model = fastinfer.load(path, threads=1, weights="compressed")
    rows = [row for row in model.plan().rows if row.operator == "matmul"]
    assert [row.weights for row in rows] == [round(DENSITY * 300 * 1024), round(DENSITY * 300 * 40)]
    assert all(row.bytes < 4 * row.weights for row in rows)
    run(model, 1)
    packed = model.memory()["packed_bytes"]
    assert packed < 2 * sum(row.weights for row in rows) + 64 * 1024
    run(model, 5)
    assert model.memory()["packed_bytes"] == packed
    assert model.graph.weights["first"].nbytes < 2 * rows[0].weights


@pytest.mark.parametrize("narrow", [Bf16Weight.of, lambda w: DenseWeight(w.astype(np.float16)), CsrWeight.of])
def test_narrow_convolutions_are_not_transformed(narrow: Callable[[Array], Weight]) -> None:
    """A transform's weights take up to seven times what f32 ones do, let alone those of fewer bits."""
    graph = fastinfer.load(network(np.random.default_rng(0))).graph.copy()
    graph.weights["conv"] = narrow(graph.weights["conv"].dense())
    data, answers = fi_bytes(graph), []
    for how in ("compressed", "dense"):
        model = fastinfer.load(data, threads=1, weights=how)
        answers.append(run(model, 2))
        taken = [row for row in model.plan().rows if row.operator == "conv"]
        assert how == "dense" or not any(row.algorithm.startswith(("winograd", "fft")) for row in taken)
        assert ("its weights take more memory" in dict(taken[0].refused).values()) == (how == "compressed")
    np.testing.assert_allclose(*answers, atol=1e-5 * abs(answers[1]).max(), rtol=0)


def test_profile_counts_weights(path: Path) -> None:
    table = fastinfer.load(path, threads=1, weights="compressed").profile((1, 3, 8, 8), runs=3)
    for row in table.rows:
        assert (row.gweights > 0) == (row.operator == "matmul")
    assert "Gweights/s" in str(table)


def test_streams_are_saved_as_they_are(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.fi"
    fastinfer.save(fastinfer.load(path), again)
    assert again.read_bytes() == path.read_bytes()
