"""Codes that keep a layer's outputs on calibration inputs, and clusters under a price of bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastinfer
from fastinfer.compress import deep_compression
from fastinfer.compress.clustering import optimal_clusters
from fastinfer.errors import ArgumentError, InputError, ShapeError
from fastinfer.file.fi import fi_bytes
from fastinfer.graph.weight import Bf16Weight, SparseCodebookWeight


def cost_of(values: np.ndarray, importance: np.ndarray, cuts: tuple[int, ...], price: float) -> float:
    total = 0.0
    for begin, end in itertools.pairwise((0, *cuts, len(values))):
        v, h = values[begin:end], importance[begin:end]
        total += (h * (v - (h * v).sum() / h.sum()) ** 2).sum() + price * len(v) * np.log2(len(values) / len(v))
    return total


@pytest.mark.parametrize("price", [0.0, 0.02, 1e9])
def test_clusters_are_optimal(price: float) -> None:
    """Against every division of 12 values into at most 4 intervals."""
    rng = np.random.default_rng(3)
    values, importance = np.sort(rng.standard_normal(12)), rng.random(12) + 0.1
    ways = [cuts for n in range(4) for cuts in itertools.combinations(range(1, 12), n)]
    best = min(cost_of(values, importance, cuts, price) for cuts in ways)
    centroids, thresholds = optimal_clusters(values, importance, 4, price)
    cuts = tuple(np.searchsorted(values, thresholds))
    np.testing.assert_allclose(cost_of(values, importance, cuts, price), best, rtol=1e-12)
    assert len(centroids) == len(cuts) + 1 == (1 if price > 1e8 else 4 if price == 0 else len(centroids))
    assert (np.diff(centroids) > 0).all()


def test_clusters_of_many_values() -> None:
    """Beyond the bins' number the values are gathered: within the bins' width of the optimum."""
    values = np.random.default_rng(0).standard_normal(5000)
    centroids, thresholds = optimal_clusters(values, np.ones(5000), 15, 0)
    error = ((values - centroids[np.searchsorted(thresholds, values)]) ** 2).mean()
    assert error < 0.0151  # Max (1960): 15 levels of a Gaussian give 0.0131


def net() -> fastinfer.Model:
    """A convolution, a grouped and a depthwise one, a Gemm of either transposition and a MatMul."""
    rng = np.random.default_rng(0)
    shapes = {"w1": (16, 3, 3, 3), "w2": (16, 4, 3, 3), "w3": (16, 1, 3, 3)}
    shapes |= {"w4": (16, 24), "w5": (20, 24), "w6": (20, 8)}
    arrays = {name: rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:])) for name, shape in shapes.items()}
    arrays |= {f"b{i}": rng.standard_normal(n) for i, n in enumerate((16, 16, 16, 24, 20), 1)}
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], group=4, strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3", "b3"], ["c3"], group=16, dilations=[2, 2]),
        helper.make_node("GlobalAveragePool", ["c3"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w4", "b4"], ["g4"]),
        helper.make_node("Gemm", ["g4", "w5", "b5"], ["g5"], transB=1),
        helper.make_node("MatMul", ["g5", "w6"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("N", 3, 16, 16))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in arrays.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    return fastinfer.load(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString(), threads=1)


def pictures(seed: int) -> np.ndarray:
    """Smooth ones, as calibration inputs are: neighbouring pixels are alike."""
    x = np.random.default_rng(seed).standard_normal((32, 3, 16, 16)).cumsum(axis=2).cumsum(axis=3) / 8
    return x.astype(np.float32)


@pytest.mark.parametrize("density", [None, 0.4])
def test_outputs_are_kept_better_than_by_values(density: float | None) -> None:
    whole = net() if density is None else fastinfer.compress.prune_connections(net(), density)
    seen = [pictures(0), {"x": pictures(1)}]
    plain, calibrated = (deep_compression(whole, bits=3, calibration=calls, rate=1e-9) for calls in (None, seen))
    held_out = pictures(2)
    expected = whole(held_out)
    errors = [float(((m(held_out) - expected) ** 2).mean()) for m in (plain, calibrated)]
    assert errors[1] < 0.5 * errors[0]
    for name, weight in calibrated.graph.weights.items():
        before = whole.graph.weights[name].dense()
        if isinstance(weight, SparseCodebookWeight):
            assert not weight.dense()[before == 0].any()  # what was pruned stays so
            assert np.count_nonzero(weight.dense()) > 0.7 * np.count_nonzero(before)
            assert len(np.unique(weight.indices())) <= 8
        else:
            assert name.startswith("b")
    shifts = [np.abs((m(pictures(0)) - whole(pictures(0))).mean(axis=0)).max() for m in (plain, calibrated)]
    assert shifts[1] < shifts[0]


def test_what_pruning_takes_away_is_made_up_for() -> None:
    """The outputs to be kept are those of the whole model; of what after_pruning leaves, if that is given."""
    whole, seen, held_out = net(), [pictures(0), pictures(1)], pictures(2)
    expected = whole(held_out)

    def error(**arguments: object) -> float:
        small = deep_compression(whole, 0.4, bits=6, calibration=seen, **arguments)
        for name in ("w1", "w2", "w3", "w4", "w5", "w6"):
            array = small.graph.weights[name].dense()
            assert np.count_nonzero(array) <= round(0.4 * array.size)
        return float(((small(held_out) - expected) ** 2).mean())

    assert error() < 0.5 * error(after_pruning=lambda model: model)


def test_the_rate_makes_files_smaller() -> None:
    sizes = [len(fi_bytes(deep_compression(net(), bits=6, rate=rate).graph)) for rate in (0.0, 0.01, 0.3)]
    assert sizes[0] > sizes[1] > sizes[2]


def test_biases_of_16_bits() -> None:
    small = deep_compression(net(), bias_bits=16)
    assert all(isinstance(small.graph.weights[f"b{i}"], Bf16Weight) for i in range(1, 6))
    x = pictures(0)
    np.testing.assert_allclose(small(x), deep_compression(net())(x), atol=0.05)


def test_the_same_bytes_again() -> None:
    made = [fi_bytes(deep_compression(net(), bits=4, calibration=[pictures(0)], rate=0.01).graph) for _ in range(2)]
    assert made[0] == made[1]


def test_what_is_refused() -> None:
    for arguments in ({"rate": -1}, {"rate": "much"}, {"bias_bits": 8}, {"calibration": []}):
        with pytest.raises(ArgumentError):
            deep_compression(net(), **arguments)  # type: ignore[arg-type]
    with pytest.raises(ShapeError):
        deep_compression(net(), calibration=[np.zeros((1, 4, 16, 16), np.float32)])
    with pytest.raises(InputError):
        deep_compression(net(), calibration=[{"z": pictures(0)}])
    with pytest.raises(ArgumentError, match="NaN"):
        deep_compression(net(), calibration=[np.full((1, 3, 16, 16), np.nan, np.float32)])
    dead = deep_compression(net(), bits=8, calibration=[np.zeros((1, 3, 16, 16), np.float32)])
    assert np.isfinite(dead(pictures(0))).all()
