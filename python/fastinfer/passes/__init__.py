"""Rewriting graphs: optimize() once at load, without shapes; specialize() when a model is bound to shapes."""

from __future__ import annotations

from fastinfer.graph.derived import DerivedWeights
from fastinfer.graph.ir import Graph, TensorType
from fastinfer.passes.channel_shuffle import absorb_shuffles
from fastinfer.passes.eliminate import eliminate_dead_code, eliminate_identity
from fastinfer.passes.fold_batch_norm import fold_batch_norm
from fastinfer.passes.fold_constants import fold_constants
from fastinfer.passes.fold_gates import fold_gates
from fastinfer.passes.fold_pads import fold_pads
from fastinfer.passes.fuse_activation import fuse_activation
from fastinfer.passes.fuse_bias import fuse_bias
from fastinfer.passes.fuse_sums import fuse_bias_of_matmul, fuse_residual
from fastinfer.passes.layout import assign_layouts
from fastinfer.passes.patterns import fuse_patterns
from fastinfer.passes.planar import LayoutCosts
from fastinfer.passes.selections import read_selections
from fastinfer.passes.slices import eliminate_full_slices
from fastinfer.passes.split_shuffle import split_before_join
from fastinfer.passes.spread import spread_activations, spread_residuals
from fastinfer.passes.widen import widen_half

__all__ = ["LayoutCosts", "assign_layouts", "optimize", "specialize"]


def optimize(graph: Graph) -> Graph:
    """The passes that know no shapes, on a copy of the graph."""
    graph = graph.copy()
    eliminate_dead_code(graph)
    widen_half(graph)
    fold_constants(graph)
    eliminate_identity(graph)
    fuse_patterns(graph)
    eliminate_dead_code(graph)
    fold_pads(graph)
    # A bias in front of a batch norm, and a product behind one: each fold may uncover the other.
    for _ in range(2):
        fold_batch_norm(graph)
        fuse_bias(graph)
    fuse_activation(graph)
    eliminate_dead_code(graph)
    return graph


def specialize(graph: Graph, types: dict[str, TensorType], derived: DerivedWeights) -> None:
    """The passes that need every value's type; in place. Types of values that they make are added."""
    eliminate_dead_code(graph)
    eliminate_full_slices(graph, types)
    fuse_bias_of_matmul(graph, types)
    fuse_activation(graph, types)
    spread_activations(graph, types)
    absorb_shuffles(graph, types, derived)
    read_selections(graph, types, derived)
    eliminate_dead_code(graph)
    split_before_join(graph, types)
    fold_gates(graph, types)
    fuse_residual(graph, types)
    spread_residuals(graph, types)
    eliminate_dead_code(graph)
