"""Whole networks on every tier of the processor at hand, against the graph in float64. Needs no other engine."""

from __future__ import annotations

import numpy as np
import pytest

import fastinfer
from assets import DATA, require
from codebase.project import tier_features
from fastinfer import demo
from fastinfer.file import open_model
from fastinfer.graph.ir import Graph
from models import nets
from models.random_nets import RandomNet
from plan.graphs import Array, evaluate_graph

TOLERANCE = 1e-4  # of the largest element of an output
SEEDS = range(100, 112)
CONFIG = fastinfer.build_config()


def in_float64(graph: Graph, x: Array) -> dict[str, Array]:
    """The graph's outputs, computed from its float32 weights in float64."""
    wide = {name: weight.dense() for name, weight in graph.weights.items()}
    wide = {name: array.astype(np.float64) for name, array in wide.items() if array.dtype == np.float32}
    return evaluate_graph(graph, {graph.inputs[0].name: x.astype(np.float64)} | wide)


def assert_agrees(found: Array, exact: Array) -> None:
    assert found.shape == exact.shape
    assert np.abs(found - exact).max() <= TOLERANCE * np.abs(exact).max()


@pytest.mark.parametrize("isa", CONFIG["tiers_usable"])
def test_demonstration(isa: str) -> None:
    """It takes kernels of no other tier than it may, names every digit, and threads change no bit."""
    pictures, labels = demo.samples()
    x = np.concatenate([demo.prepare(picture) for picture in pictures])
    (exact,) = in_float64(open_model(demo.MODEL).graph, x).values()
    answers = []
    for threads in (1, 2):
        model = fastinfer.load(demo.MODEL, threads=threads, isa=isa)
        answers.append(model(x))
        tiers = {row.kernel.rpartition("__")[2] for row in model.plan(x).rows if "__" in row.kernel}
        assert tiers
        assert all(tier_features(tier) <= tier_features(isa) for tier in tiers)
    assert_agrees(answers[0], exact)
    np.testing.assert_array_equal(answers[0].argmax(1), labels)
    np.testing.assert_array_equal(answers[0], answers[1])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("isa", CONFIG["tiers_usable"])
def test_random_network(isa: str, seed: int) -> None:
    proto, x = RandomNet(seed).model()
    content = proto.SerializeToString()
    found = fastinfer.load(content, threads=1, isa=isa)(x)
    results = list(found.values()) if isinstance(found, dict) else [found]
    for result, exact in zip(results, in_float64(open_model(content).graph, x).values(), strict=True):
        assert_agrees(result, exact)


def test_photograph() -> None:
    """The trained EfficientNet-Lite0 on the best tier."""
    path = require(DATA / "efficientnet_lite0" / "efficientnet_lite0.onnx")
    files, labels = nets.photographs(1)
    scores = fastinfer.load(path)(nets.for_efficientnet(files[0])[None])
    assert nets.right(scores.reshape(1, -1), labels, 1) == 1
