"""`.fi` files: every weight form comes back as it was, the bytes are deterministic, the published network is small."""

from __future__ import annotations

import json
import mmap
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastinfer
from assets import DATA, require
from fastinfer.errors import ArgumentError, FileWriteError
from fastinfer.file import open_model
from fastinfer.file.fi import fi_bytes
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, ValueInfo
from fastinfer.graph.weight import Bf16Weight, DenseWeight, SparseCodebookWeight, Weight
from graph.weight_forms import FORMS
from hostile.fi_models import every_form, split
from hostile.small_models import MODELS, classifier


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
        assert isinstance(other, type(weight))  # or a kind of it that reads Huffman's streams
        assert (weight.shape, weight.dtype) == (other.shape, other.dtype)
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
    with pytest.raises(ArgumentError, match="under a path"):
        fastinfer.save(model, None)  # type: ignore[arg-type]
    nowhere = tmp_path / "nowhere" / "model.fi"
    with pytest.raises(FileWriteError, match="No such file or directory") as error:
        fastinfer.save(model, nowhere)
    assert error.value.file == str(nowhere)
    assert isinstance(error.value, OSError)


def arrays_of(weight: Weight) -> list[np.ndarray]:
    return [value for value in (getattr(weight, slot) for slot in weight.__slots__) if isinstance(value, np.ndarray)]


def test_weights_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    """Every array of every form that is not Huffman-coded lies in the map; nothing of it is copied until prepared."""
    path = tmp_path / "model.fi"
    path.write_bytes(fi_bytes(every_form()))
    file = open_model(path)
    mapped = np.frombuffer(file.source.buffer, np.uint8)
    assert isinstance(file.source.buffer.obj, mmap.mmap)
    seen = 0
    for name, weight in file.graph.weights.items():
        for array in arrays_of(weight):
            assert not array.flags.writeable and np.shares_memory(array, mapped), name
            seen += array.nbytes
    assert sum(weight.nbytes for weight in file.graph.weights.values()) == seen


def test_reading_holds_no_second_copy() -> None:
    """64 MB of weights are read in less than 1 MB beside them, checksums and checks included."""
    rng = np.random.default_rng(0)
    weights = {"a": DenseWeight(rng.random((1024, 8192), np.float32)), "b": Bf16Weight.of(rng.random((1024, 16384)))}
    inputs = [ValueInfo("x", DType.F32, ("N", 1024))]
    nodes = [Node("MatMul", ["x", name], [f"y{name}"], {}, name) for name in weights]
    outputs = [ValueInfo(f"y{name}", DType.F32, None) for name in weights]
    data = fi_bytes(Graph(inputs, outputs, nodes, weights, "large"))
    tracemalloc.start()
    try:
        graph = open_model(data).graph
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert graph.weights["a"].nbytes + graph.weights["b"].nbytes == 64 << 20


def test_safetensors_reads_it(tmp_path: Path) -> None:
    """Its own library finds every tensor, of compressed forms too, and writes a file that we read."""
    library = pytest.importorskip("safetensors")
    path = tmp_path / "model.fi"
    path.write_bytes(fi_bytes(every_form()))
    graph = open_model(path).graph
    with library.safe_open(str(path), "np") as file:
        assert list(file.metadata()) == ["fastinfer"]
        assert set(file.keys()) == graph.weights.keys()
        for name in ("dense f32 weight", "dense f16 weight"):
            np.testing.assert_array_equal(file.get_tensor(name), graph.weights[name].dense())
        for name, weight in graph.weights.items():
            tensor = file.get_tensor(name)
            assert weight.nbytes <= tensor.nbytes < weight.nbytes + 8 * len(arrays_of(weight))


def test_safetensors_writes_it(tmp_path: Path) -> None:
    numpy_side = pytest.importorskip("safetensors.numpy")
    ours, theirs = tmp_path / "ours.fi", tmp_path / "theirs.fi"
    fastinfer.save(fastinfer.load(classifier().SerializeToString()), ours)
    header, metadata, _ = split(ours.read_bytes())
    tensors = numpy_side.load_file(ours)
    numpy_side.save_file(tensors, theirs, {"fastinfer": json.dumps(metadata)})
    rewritten, _, _ = split(theirs.read_bytes())
    places = [[name for name in h if name != "__metadata__"] for h in (header, rewritten)]
    records = dict(zip(places[0], metadata["weights"], strict=True))
    metadata["weights"] = [records[name] for name in places[1]]  # in the order that the library chose
    numpy_side.save_file(tensors, theirs, {"fastinfer": json.dumps(metadata)})
    assert_same(open_model(ours).graph, open_model(theirs).graph)


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
