"""Which weights compression touches, and models of changed weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastinfer.errors import ArgumentError
from fastinfer.file.fi import fi_bytes
from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import Array, Weight
from fastinfer.session.loading import load_with
from fastinfer.session.model import Model

Share = float | Mapping[str, float]  # one for all layers, or by weight name
_LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}


def layer_weights(model: Model) -> list[str]:
    """Names of the float weights of convolutions and matrix products, in the order of their nodes.

    ArgumentError for what is no model.
    """
    if not isinstance(model, Model):
        raise ArgumentError(f"only a loaded model can be compressed, not {type(model).__name__}")
    graph = model.graph
    names = [node.input(1) for node in graph.nodes if node.op in _LAYERS]
    found = [n for n in names if n in graph.weights and graph.weights[n].dtype in (DType.F32, DType.F16)]
    return list(dict.fromkeys(n for n in found if len(graph.weights[n].shape) >= 2))


def layer_biases(model: Model) -> list[str]:
    """Names of the f32 biases of convolutions and matrix products that nothing else reads."""
    graph, users = model.graph, model.graph.consumers()
    names = [node.input(2) for node in graph.nodes if node.op in _LAYERS and node.op != "MatMul"]
    found = [n for n in names if n in graph.weights and graph.weights[n].dtype is DType.F32]
    return [name for name in dict.fromkeys(found) if len(users[name]) == 1]


def elements(model: Model, name: str) -> Array:
    """A weight's elements as f32."""
    return model.graph.weights[name].dense().astype(np.float32, copy=False)


def with_weights(model: Model, weights: Mapping[str, Weight]) -> Model:
    """The model with some weights replaced, loaded from the bytes of its own `.fi` file."""
    graph = model.graph.copy()
    graph.weights.update(weights)
    return load_with(fi_bytes(graph), model.options)


def chosen(share: Share, names: list[str], what: str) -> dict[str, float]:
    """Each named layer's density, 0 < density <= 1. ArgumentError for others, and for names that are no layer's."""
    if isinstance(share, Mapping):
        unknown = set(share) - set(names)
        if unknown:
            raise ArgumentError(f"{what} names {sorted(unknown)}, which no convolution or product has as its weight")
        by_name = dict(share)
    else:
        by_name = dict.fromkeys(names, share)
    for name, value in by_name.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            raise ArgumentError(f"{what} is more than 0 and at most 1, not {value!r}", tensor=name)
    return by_name
