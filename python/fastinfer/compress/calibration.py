"""What flows into a layer when a model runs on a few inputs: windows of its input, and their second moments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastinfer.compress.clustering import Floats
from fastinfer.errors import ArgumentError
from fastinfer.file.fi import fi_bytes
from fastinfer.graph.dtype import DType
from fastinfer.graph.geometry import conv_window, groups_of
from fastinfer.graph.ir import Graph, Node, ValueInfo
from fastinfer.graph.weight import Array
from fastinfer.reference.windows import windows_of
from fastinfer.session.loading import load_with
from fastinfer.session.options import Options

Calls = Sequence[Mapping[str, Array]]  # the inputs of one call each, by name

_WINDOWS = 1 << 14  # of a layer, drawn evenly from all calls
_DAMPING = 0.03  # share of the mean diagonal added to it: what few pictures tell is not certain


@dataclass(frozen=True, slots=True)
class Moments:
    """Of a layer's windows x in the model as it was, and y at the same places in the model coded so far."""

    mean: Floats  # E[x]: (groups, K)
    coded_mean: Floats  # E[y]
    cross: Floats  # E[x y']: (groups, K, K); less the means' product if centred
    coded: Floats  # E[y y']


def values_at(graph: Graph, name: str, calls: Calls, options: Options) -> list[Array]:
    """The value's arrays, one for each call, by running what the graph needs for it."""
    if any(info.name == name for info in graph.inputs):
        return [call[name] for call in calls]
    model = load_with(fi_bytes(_up_to(graph, name)), replace(options, tune=False))
    needed = [info.name for info in model.inputs]
    return [model.run({key: call[key] for key in needed})[name] for call in calls]


def _up_to(graph: Graph, name: str) -> Graph:
    """The part of the graph that makes the value."""
    wanted: set[str] = {name}
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if wanted.intersection(node.outputs):
            nodes.insert(0, node)
            wanted.update(filter(None, node.inputs))
    inputs = [info for info in graph.inputs if info.name in wanted]
    weights = {key: weight for key, weight in graph.weights.items() if key in wanted}
    return Graph(inputs, [ValueInfo(name, DType.F32, None)], nodes, weights, graph.name, graph.file)


def moments_of(node: Node, shape: tuple[int, ...], own: list[Array], coded: list[Array], centred: bool) -> Moments:
    """From the layer's inputs in both models, call by call; shape: of its weight. ArgumentError for NaN or infinity."""
    rng = np.random.default_rng(0)
    wanted, count = _WINDOWS // len(own) + 1, 0
    sums: list[Array] = [np.zeros(())] * 4
    for each_x, each_y in zip(own, coded, strict=True):
        state = rng.bit_generator.state
        x = _windows(node, each_x, shape, wanted, rng)
        rng.bit_generator.state = state  # the same places
        y = _windows(node, each_y, shape, wanted, rng)
        terms = (x.sum(axis=1), y.sum(axis=1), x.swapaxes(1, 2) @ y, y.swapaxes(1, 2) @ y)
        sums = [total + term.astype(np.float64) for total, term in zip(sums, terms, strict=True)]
        count += x.shape[1]
    mean, coded_mean, cross, both = (total / count for total in sums)
    if not (np.isfinite(cross).all() and np.isfinite(both).all()):
        raise ArgumentError("the calibration inputs bring a NaN or an infinity", node=node.label())
    if centred:
        cross -= mean[:, :, None] * coded_mean[:, None, :]
        both -= coded_mean[:, :, None] * coded_mean[:, None, :]
    power = np.trace(both, axis1=1, axis2=2) / both.shape[1]
    damping = np.where(power > 0, _DAMPING * power, 1)[:, None, None] * np.eye(both.shape[1])  # 1: nothing flows there
    return Moments(mean, coded_mean, cross + damping, both + damping)


def _windows(node: Node, x: Array, shape: tuple[int, ...], count: int, rng: np.random.Generator) -> Array:
    """(groups, windows, K): what the layer's rows of weights are multiplied with, at up to `count` random places."""
    if node.op != "Conv":
        rows = x.reshape(-1, x.shape[-1])
        return rows[_some(len(rows), count, rng)][None]
    window = conv_window(node, x.shape, shape)
    view = windows_of(x, window, 0)  # N, C, size..., kernel...
    places = np.unravel_index(_some(len(x) * math.prod(window.size), count, rng), (len(x), *window.size))
    at: tuple[Any, ...] = (places[0], slice(None), *places[1:])
    found = view[at]  # windows, C, kernel...
    grouped: Array = found.reshape(len(found), groups_of(node), -1).swapaxes(0, 1)
    return grouped


def _some(count: int, wanted: int, rng: np.random.Generator) -> Array:
    chosen: Array = np.sort(rng.choice(count, min(count, wanted), replace=False))
    return chosen
