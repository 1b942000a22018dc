"""Pruning of connections by magnitude (Han et al., Learning both Weights and Connections, 2015)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from fastinfer.compress.layers import Share, chosen, elements, layer_weights, with_weights
from fastinfer.errors import ArgumentError
from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import Array, DenseWeight
from fastinfer.session.model import Model


def prune_connections(model: Model, density: Share, scope: str = "layer") -> Model:
    """Keep the share `density` of the weights of convolutions and products, those of the largest magnitude.

    scope "layer": that share of each layer (or of each layer named, {weight name: density}); "global": of all layers
    together, by one threshold. Exactly round(density * elements) stay; ties fall to the first. Biases stay whole.
    """
    names = layer_weights(model)
    densities = chosen(density, names, "density")
    if scope == "global" and not isinstance(density, Mapping):
        pruned = _together({name: elements(model, name) for name in names}, density)
    elif scope == "layer":
        pruned = {name: largest(elements(model, name), share) for name, share in densities.items()}
    else:
        raise ArgumentError('scope is "layer", or "global" with one density')
    half = {name for name in names if model.graph.weights[name].dtype is DType.F16}
    return with_weights(model, {n: DenseWeight(a.astype(np.float16) if n in half else a) for n, a in pruned.items()})


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
