"""Pruning and Deep Compression: what is kept, what it becomes, how small it gets, and that it still sees."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import fastinfer
from fastinfer.compress import deep_compression, prune_connections
from fastinfer.compress.clustering import k_means
from fastinfer.compress.codebook import share_weights, with_fillers
from fastinfer.errors import ArgumentError
from fastinfer.file.fi import fi_bytes
from fastinfer.graph.weight import BlockSparseWeight, SparseCodebookWeight, is_made_of
from hostile.small_models import classifier


def model() -> fastinfer.Model:
    return fastinfer.load(classifier().SerializeToString())


LAYERS = ("w1", "w2", "w3")


def magnitudes(m: fastinfer.Model) -> np.ndarray:
    return np.concatenate([np.abs(m.graph.weights[name].dense()).ravel() for name in LAYERS])


def test_pruning_keeps_the_largest() -> None:
    whole, pruned = model(), prune_connections(model(), 0.25)
    for name in LAYERS:
        before, after = (m.graph.weights[name].dense() for m in (whole, pruned))
        kept = after != 0
        assert kept.sum() == round(0.25 * before.size)
        np.testing.assert_array_equal(after[kept], before[kept])
        assert np.abs(before[kept]).min() >= np.abs(before[~kept]).max()
    np.testing.assert_array_equal(pruned.graph.weights["b1"].dense(), whole.graph.weights["b1"].dense())


def test_global_pruning_has_one_threshold() -> None:
    before, after = magnitudes(model()), magnitudes(prune_connections(model(), 0.25, "global"))
    assert np.count_nonzero(after) == round(0.25 * before.size)
    assert before[after != 0].min() >= before[after == 0].max()


def test_deep_compression_prunes_by_layer_or_globally() -> None:
    """The same weights stay as with prune_connections."""
    for scope in ("layer", "global"):
        small, pruned = deep_compression(model(), 0.25, scope=scope), prune_connections(model(), 0.25, scope)
        for name in LAYERS:
            kept = (m.graph.weights[name].dense() != 0 for m in (small, pruned))
            np.testing.assert_array_equal(*kept)


def test_layers_by_name() -> None:
    pruned = prune_connections(model(), {"w1": 0.5})
    shares = [np.count_nonzero(w.dense()) / w.dense().size for w in map(pruned.graph.weights.__getitem__, LAYERS)]
    assert shares == [0.5, 1, 1]


@pytest.mark.parametrize("block", [(1, 4), (4, 1)])
def test_pruning_in_blocks(block: tuple[int, int]) -> None:
    """Whole blocks stay, the heaviest; layers that are made of none are pruned by elements; the network still runs."""
    whole, pruned = model(), prune_connections(model(), 0.5, block=block)
    forms = set()
    for name in LAYERS:
        before, weight = whole.graph.weights[name].dense(), pruned.graph.weights[name]
        forms.add(weight.form)
        if not isinstance(weight, BlockSparseWeight):
            assert not is_made_of(before.shape, block)
            continue
        rows, columns = before.shape[0], before[0].size
        height, width = block
        tiles = [
            a.reshape(rows // height, height, columns // width, width).transpose(0, 2, 1, 3).reshape(-1, 4)
            for a in (before, weight.dense())
        ]
        kept = tiles[1].any(axis=1)
        assert kept.sum() == round(0.5 * len(kept)) == len(weight.values)
        np.testing.assert_array_equal(tiles[1][kept], tiles[0][kept])
        sums = np.abs(tiles[0]).sum(axis=1)
        assert sums[kept].min() >= sums[~kept].max()
    assert "block_sparse" in forms
    x = np.ones([1 if isinstance(n, str) else n for n in pruned.inputs[0].shape], np.float32)
    dense = fastinfer.load(fi_bytes(pruned.graph), weights="dense")
    np.testing.assert_allclose(pruned(x), dense(x), rtol=1e-4, atol=1e-5)


def test_k_means_finds_a_local_optimum() -> None:
    values = np.random.default_rng(0).standard_normal(2000)
    centroids = k_means(values, 15)
    nearest = np.abs(values[:, None] - centroids).argmin(axis=1)
    means = [values[nearest == i].mean() for i in range(len(centroids))]
    np.testing.assert_allclose(centroids, means, atol=0.02)
    even = np.linspace(values.min(), values.max(), 15)
    assert ((values - centroids[nearest]) ** 2).sum() < (np.abs(values[:, None] - even).min(axis=1) ** 2).sum()


@pytest.mark.parametrize("index_bits", [1, 4, 8])
def test_fillers(index_bits: int) -> None:
    """Positions from gaps, an entry at a time."""
    positions = np.flatnonzero(np.random.default_rng(index_bits).random(5000) < 0.02)
    codes, gaps = with_fillers(positions, np.ones(len(positions), np.uint8), index_bits)
    ends = np.cumsum(gaps.astype(np.int64) + 1) - 1
    np.testing.assert_array_equal(ends[codes == 1], positions)
    assert (gaps[codes == 0] == 2**index_bits - 1).all()


def test_sharing_is_exact_where_the_codebook_suffices() -> None:
    array = np.random.default_rng(2).integers(-7, 8, (16, 40)).astype(np.float32)
    weight = share_weights(array, 4, 3, False)
    assert weight.fault() is None
    np.testing.assert_array_equal(weight.dense(), array)
    empty = share_weights(np.zeros((4, 4), np.float32), 4, 4, True)
    assert empty.fault() is None and not empty.dense().any()


def test_hooks_and_arguments() -> None:
    seen = []

    def hook(m: fastinfer.Model) -> fastinfer.Model:
        seen.append({type(m.graph.weights[name]).__name__ for name in LAYERS})
        return m

    made = deep_compression(model(), 0.5, 3, 5, after_pruning=hook, after_sharing=hook)
    assert seen == [{"DenseWeight"}, {"SparseCodebookWeight"}]
    for name in LAYERS:
        weight = made.graph.weights[name]
        assert isinstance(weight, SparseCodebookWeight)
        assert (weight.code_bits, weight.index_bits) == (3, 5)
        assert len(np.unique(weight.dense())) <= 8
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    assert np.isfinite(made(x)).all()
    for arguments in ({"density": 0}, {"bits": 9}, {"index_bits": 0}, {"density": {"w9": 1}}, {"bits": {"w9": 4}}):
        with pytest.raises(ArgumentError):
            deep_compression(model(), **arguments)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="scope"):
        prune_connections(model(), 0.5, "all")
    for density in (None, {"w1": 0.5}):
        with pytest.raises(ArgumentError, match="scope"):
            deep_compression(model(), density, scope="global")
    with pytest.raises(ArgumentError, match="block"):
        prune_connections(model(), 0.5, block=(2, 2))


@pytest.mark.parametrize("compress", [deep_compression, lambda m: prune_connections(m, 0.5)])
def test_only_models_are_compressed(compress: Callable[[object], object]) -> None:
    with pytest.raises(ArgumentError, match="only a loaded model"):
        compress("model.onnx")


def test_calibration_is_a_list() -> None:
    with pytest.raises(ArgumentError, match="calibration is a list"):
        deep_compression(model(), calibration=3)  # type: ignore[arg-type]
