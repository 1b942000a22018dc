"""`.fi` files: every weight form comes back as it was, the bytes are deterministic, the published network is small."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastinfer
from assets import DATA, require
from fastinfer.errors import ArgumentError
from fastinfer.file import open_model
from fastinfer.file.fi import fi_bytes
from fastinfer.graph.ir import Graph
from fastinfer.graph.weight import SparseCodebookWeight
from graph.weight_forms import FORMS
from hostile.fi_models import every_form
from hostile.small_models import MODELS


def assert_same(a: Graph, b: Graph) -> None:
    assert (a.name, a.inputs, a.outputs) == (b.name, b.inputs, b.outputs)
    for left, right in zip(a.nodes, b.nodes, strict=True):
        assert (left.op, left.name, left.inputs, left.outputs) == (right.op, right.name, right.inputs, right.outputs)
        assert repr(left.attributes.keys()) and left.attributes.keys() == right.attributes.keys()
        for name, value in left.attributes.items():
            np.testing.assert_array_equal(np.asarray(value), np.asarray(right.attributes[name]))
    assert a.weights.keys() == b.weights.keys()
    for name, weight in a.weights.items():
        other = b.weights[name]
        assert (type(weight), weight.shape, weight.dtype) == (type(other), other.shape, other.dtype)
        assert weight.dense().tobytes() == other.dense().tobytes()


@pytest.mark.parametrize("name", MODELS)
def test_models_come_back(name: str) -> None:
    graph = open_model(MODELS[name]().SerializeToString()).graph
    data = fi_bytes(graph)
    found = open_model(data)
    assert found.format == "fi"
    assert_same(graph, found.graph)
    assert fi_bytes(found.graph) == data


def test_every_form_comes_back() -> None:
    graph = every_form()
    assert len(graph.weights) == len(FORMS)
    data = fi_bytes(graph)
    found = open_model(data).graph
    assert_same(graph, found)
    assert fi_bytes(found) == data
    graph.weights = dict(reversed(graph.weights.items()))
    assert fi_bytes(graph) == data  # the order of weights does not matter


def onnx_model() -> bytes:
    weight = np.random.default_rng(0).standard_normal((64, 3, 3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 3, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def test_save_and_load(tmp_path: Path) -> None:
    model = fastinfer.load(onnx_model())
    path = tmp_path / "model.fi"
    path.write_bytes(b"an older file")
    fastinfer.save(model, path)
    assert os.listdir(tmp_path) == ["model.fi"]
    loaded = fastinfer.load(path)
    x = np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype(np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))
    weight = loaded.graph.weights["w"].dense()
    assert not weight.flags.owndata and not weight.flags.writeable  # a view of the mapped file
    with pytest.raises(ArgumentError, match="only a model"):
        fastinfer.save("model", path)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        fastinfer.save(model, tmp_path / "nowhere" / "model.fi")


def test_safetensors_reads_it(tmp_path: Path) -> None:
    library = pytest.importorskip("safetensors")
    path = tmp_path / "model.fi"
    fastinfer.save(fastinfer.load(onnx_model()), path)
    with library.safe_open(str(path), "np") as file:
        assert list(file.metadata()) == ["fastinfer"]
        np.testing.assert_array_equal(file.get_tensor("w"), fastinfer.load(path).graph.weights["w"].dense())


def test_the_published_squeezenet(tmp_path: Path) -> None:
    """Huffman-coded without loss: under 580,000 bytes, from 675,763."""
    model = fastinfer.load(require(DATA / "squeezenet_deepcompression" / "compressed_SqueezeNet.net"))
    graph = model.graph.copy()
    for name, weight in graph.weights.items():
        if isinstance(weight, SparseCodebookWeight):
            graph.weights[name] = replace(weight, huffman=True)
    path = tmp_path / "squeezenet.fi"
    path.write_bytes(fi_bytes(graph))
    assert path.stat().st_size < 580_000
    loaded = fastinfer.load(path)
    assert_same(graph, loaded.graph)
    x = np.random.default_rng(0).uniform(-100, 100, (1, 3, 227, 227)).astype(np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))
