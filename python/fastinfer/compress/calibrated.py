"""Sharing weights so that a model's layers keep their outputs on a few inputs, layer by layer in the graph's order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastinfer.compress.calibration import Calls, Moments, moments_of, values_at
from fastinfer.compress.clustering import Floats, optimal_clusters
from fastinfer.compress.codebook import coded_weight
from fastinfer.compress.descent import codes_for_outputs
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node
from fastinfer.graph.weight import Array, DenseWeight, SparseCodebookWeight
from fastinfer.session.model import Model

_LARGEST = 4608  # of K: of larger layers the moments would take too long
Shared = dict[str, SparseCodebookWeight | DenseWeight]


def share_for_outputs(
    model: Model, whole: Model, widths: Mapping[str, int], index_bits: int, huffman: bool, calls: Calls, rate: float
) -> Shared:
    """Codes of the named weights, and the biases of their layers corrected by the mean error that is left.

    whole: the model whose outputs are to be kept, the same but for weights that pruning has not yet set to zero.
    rate: what one more bit for every weight must save of the layers' summed relative output errors to be spent.
    """
    graph = model.graph
    shared: Shared = {}
    elements = {name: graph.weights[name].dense().astype(np.float32, copy=False) for name in widths}
    unit = rate / max(1, sum(np.count_nonzero(array) for array in elements.values()))
    so_far = graph.copy()
    for node in graph.nodes:
        name = node.input(1)
        if name not in widths or name in shared:
            continue
        array, clusters = elements[name], 2 ** widths[name] - 1
        rows = _rows(node, array) if calls and _only_use(graph, name) else None
        if rows is None or not array.any():
            labels, centroids = _by_values(array, clusters, unit)
        else:
            bias = _bias(graph, node, len(rows))
            own, coded = (values_at(g, node.inputs[0], calls, model.options) for g in (whole.graph, so_far))
            moments = moments_of(node, array.shape, own, coded, bias is not None)
            wanted = _rows(node, whole.graph.weights[name].dense())
            assert wanted is not None
            targets = _by_group(wanted, moments.cross)
            price = unit * float((_by_group(wanted, moments.coded) * wanted).sum())
            found, centroids = codes_for_outputs(rows, moments.coded, targets, clusters, price)
            if bias is not None:
                values = np.where(found >= 0, centroids.astype(np.float32)[found], 0)
                shared[node.inputs[2]] = _corrected(bias, wanted, values, moments)
            labels = (found if _by_filters(node) else found.T).reshape(array.shape)
        shared[name] = coded_weight(labels, centroids, widths[name], index_bits, huffman)
        so_far.weights.update(shared)
    return shared


def _rows(node: Node, array: Array) -> Floats | None:
    """The weight as (filters, K), or None where this layer's output error is not modelled."""
    if node.op == "Conv":
        rows = array.reshape(len(array), -1)
    elif array.ndim == 2 and (node.op == "MatMul" or (node.op == "Gemm" and _plain(node))):
        rows = array if _by_filters(node) else array.T
    else:
        return None
    return rows.astype(np.float64) if rows.shape[1] <= _LARGEST else None


def _plain(node: Node) -> bool:
    at = node.attributes
    return not at.get("transA", 0) and at.get("alpha", 1.0) == 1 and at.get("beta", 1.0) == 1


def _by_filters(node: Node) -> bool:
    """Whether the weight's first axis is that of the outputs."""
    return node.op == "Conv" or bool(node.attributes.get("transB", 0))


def _only_use(graph: Graph, name: str) -> bool:
    return graph.weights[name].dtype is DType.F32 and len(graph.consumers()[name]) == 1


def _bias(graph: Graph, node: Node, filters: int) -> Floats | None:
    """The layer's bias, if it is one that may be changed."""
    name = node.input(2)
    weight = graph.weights.get(name)
    if weight is None or weight.shape != (filters,) or node.op == "MatMul" or not _only_use(graph, name):
        return None
    return weight.dense().astype(np.float64)


def _by_group(rows: Floats, moments: Floats) -> Floats:
    """Each row of weights times its group's moments."""
    groups, depth = len(moments), rows.shape[1]
    return (rows.reshape(groups, -1, depth) @ moments).reshape(rows.shape)


def _corrected(bias: Floats, wanted: Floats, values: Floats, moments: Moments) -> DenseWeight:
    """The bias that gives the outputs the mean that they had (bias correction, Nagel et al. 2019)."""
    groups, depth = moments.mean.shape
    before = wanted.reshape(groups, -1, depth) @ moments.mean[:, :, None]
    after = values.reshape(groups, -1, depth) @ moments.coded_mean[:, :, None]
    return DenseWeight((bias + (before - after).ravel()).astype(np.float32))


def _by_values(array: Array, clusters: int, unit: float) -> tuple[Array, Floats]:
    """Labels and centroids of the smallest squared error of the weights themselves."""
    values = array[array != 0].astype(np.float64)
    labels = np.full(array.shape, -1)
    if not len(values):
        return labels, values
    price = unit * float((values**2).sum())
    centroids, thresholds = optimal_clusters(values, np.ones(len(values)), clusters, price)
    labels[array != 0] = np.searchsorted(thresholds, values)
    return labels, centroids
