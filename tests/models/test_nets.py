"""Whole networks against onnxruntime: the published architectures, and trained ones on photographs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import fastinfer
from assets import DATA, require
from canonical_onnx import to_onnx
from models import nets
from models.nets import Floats

onnxruntime = pytest.importorskip("onnxruntime")

TOLERANCE = 1e-4  # of the largest output: what the issue asks of every network
TIERS = ["scalar", "avx2", "avx512", "neon"]


def peer(model: str | bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@dataclass
class Network:
    path: Path
    x: Floats  # 3 samples
    expected: Floats


@pytest.fixture(scope="module", params=nets.NAMES)
def network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    path = nets.materialize(request.param, tmp_path_factory.mktemp("nets"))
    session = peer(str(path))
    info = session.get_inputs()[0]
    x = np.random.default_rng(7).standard_normal((3, *info.shape[1:]), dtype=np.float32)
    expected = np.concatenate([session.run(None, {info.name: sample[None]})[0] for sample in x])
    del session
    yield Network(path, x, expected)
    path.unlink()


def assert_agrees(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("isa", TIERS)
def test_network(network: Network, isa: str) -> None:
    config = fastinfer.build_config()
    if isa not in config["tiers_usable"]:
        pytest.skip(f"{isa}: {config['tiers_not_usable'].get(isa, 'not compiled')}")
    answers = []
    for threads in (1, 2, 3) if isa == "avx2" else (1, 2):
        model = fastinfer.load(network.path, threads=threads, isa=isa)
        answers.append(model(network.x[:1]))
        assert_agrees(answers[-1], network.expected[:1])
        np.testing.assert_array_equal(answers[-1], answers[0])  # threads change no bit
        if threads == 2:
            together = model(network.x)
            assert_agrees(together, network.expected)


def test_efficientnet_on_photographs() -> None:
    path = require(DATA / "efficientnet_lite0" / "efficientnet_lite0.onnx")
    files, labels = nets.photographs()
    x = nets.load_all(files, nets.for_efficientnet)
    session, model = peer(str(path)), fastinfer.load(path)
    expected = np.concatenate([session.run(None, {"input": x[i : i + 20]})[0] for i in range(0, len(x), 20)])
    found = np.concatenate([model(x[i : i + 20]) for i in range(0, len(x), 20)])
    assert_agrees(found, expected)
    np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))
    assert (nets.right(found, labels, 1), nets.right(found, labels, 5)) == (156, 191)


def test_deep_compression_squeezenet_on_photographs() -> None:
    path = require(DATA / "squeezenet_deepcompression" / "compressed_SqueezeNet.net")
    files, labels = nets.photographs()
    x = nets.load_all(files, nets.for_squeezenet)
    model = fastinfer.load(path)
    session = peer(to_onnx(model.graph, 17).SerializeToString())
    name = model.inputs[0].name
    expected = np.concatenate([session.run(None, {name: x[i : i + 20]})[0] for i in range(0, len(x), 20)])
    found = np.concatenate([model(x[i : i + 20]) for i in range(0, len(x), 20)])
    assert_agrees(found, expected)
    found = found.reshape(len(found), -1)
    np.testing.assert_array_equal(found.argmax(1), expected.reshape(len(found), -1).argmax(1))
    assert (nets.right(found, labels, 1), nets.right(found, labels, 5)) == (132, 174)
    decoded = fastinfer.load(path, weights="dense")  # the same numbers, so the same kernels and the same bits
    np.testing.assert_array_equal(decoded(x[:4]), model(x[:4]))


def test_binary_network_on_cifar() -> None:
    """The trained 1-bit network: its activations are thresholds, so a single wrong bit would show."""
    path = require(DATA / "bnn_cnv" / "cnvW1A1_cifar10.onnx")
    x = np.random.default_rng(3).uniform(-1, 1, (8, 3, 32, 32)).astype(np.float32)
    expected = peer(str(path)).run(None, {"input": x})[0]
    model = fastinfer.load(path)
    assert_agrees(model(x), expected)
    assert_agrees(model(x[:1]), expected[:1])  # another batch, another plan
