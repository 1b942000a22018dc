"""Pruning of connections by magnitude (Han et al., Learning both Weights and Connections, 2015)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from fastinfer.compress.layers import Share, chosen, elements, layer_weights, with_weights
from fastinfer.errors import ArgumentError
from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import BLOCKS, Array, BlockSparseWeight, DenseWeight, Weight, is_made_of
from fastinfer.session.model import Model


def prune_connections(
    model: Model, density: Share, scope: str = "layer", block: tuple[int, int] | None = None
) -> Model:
    """Keep the share `density` of the weights of convolutions and products, those of the largest magnitude.

    scope "layer": that share of each layer (or of each layer named, {weight name: density}); "global": of all layers
    together, by one threshold. Exactly round(density * elements) stay; ties fall to the first. Biases stay whole.

    block (1, 4) or (4, 1): whole blocks of the weight as a matrix of shape[0] rows stay or go, those of the largest sum
    of magnitudes first, and the weights are stored as blocks. Layers that are not made of whole blocks, and f16 ones,
    are pruned by elements.
    """
    if block is not None and (block not in BLOCKS or scope != "layer"):
        raise ArgumentError('block is (1, 4) or (4, 1), with scope "layer"')
    names = layer_weights(model)
    densities = chosen(density, names, "density")
    if scope == "global" and not isinstance(density, Mapping):
        pruned = _together({name: elements(model, name) for name in names}, density)
    elif scope == "layer":
        pruned = {name: largest(elements(model, name), share) for name, share in densities.items()}
    else:
        raise ArgumentError('scope is "layer", or "global" with one density')
    half = {name for name in names if model.graph.weights[name].dtype is DType.F16}
    weights: dict[str, Weight] = {}
    for name, array in pruned.items():
        if block is not None and name not in half and is_made_of(array.shape, block):
            weights[name] = largest_blocks(elements(model, name), densities[name], block)
        else:
            weights[name] = DenseWeight(array.astype(np.float16) if name in half else array)
    return with_weights(model, weights)


def largest_blocks(array: Array, density: float, block: tuple[int, int]) -> BlockSparseWeight:
    """round(density * blocks) blocks of the array's matrix, those of the largest sum of magnitudes."""
    rows, columns = array.shape[0], math.prod(array.shape[1:])
    height, width = block
    tiles = np.abs(array).reshape(rows // height, height, columns // width, width)
    sums = tiles.sum(axis=(1, 3), dtype=np.float64)
    kept = np.zeros(sums.size, bool)
    kept[np.argsort(-sums, axis=None, kind="stable")[: round(density * sums.size)]] = True
    mask = kept.reshape(sums.shape).repeat(height, axis=0).repeat(width, axis=1)
    return BlockSparseWeight.of(np.where(mask.reshape(array.shape), array, np.float32(0)), block)


def largest(array: Array, density: float) -> Array:
    """The array with all but round(density * elements) elements, those of the largest magnitude, set to zero."""
    flat = array.ravel()
    kept = np.zeros_like(flat)
    order = np.argsort(-np.abs(flat), kind="stable")[: round(density * flat.size)]
    kept[order] = flat[order]
    return kept.reshape(array.shape)


def _together(arrays: dict[str, Array], density: float) -> dict[str, Array]:
    if not arrays:
        return {}
    flat = largest(np.concatenate([array.ravel() for array in arrays.values()]), density)
    pruned, at = {}, 0
    for name, array in arrays.items():
        pruned[name] = flat[at : at + math.prod(array.shape)].reshape(array.shape)
        at += math.prod(array.shape)
    return pruned
