"""`fastinfer inspect`: what a model is made of, and how it would run."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from math import prod
from typing import Annotated, Any

import typer

import fastinfer
from fastinfer.cli import common
from fastinfer.file.fi import Sizes, sizes
from fastinfer.plan.report import Cells, show

_COUNTS = ("elements", "nonzeros", "dense", "pruned", "coded", "entropy_coded")


@common.reports_errors
def inspect(
    model: common.ModelPath,
    shape: common.Shapes = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show every step's algorithm and kernel, and why.")] = False,
    isa: common.Isa = None,
    as_json: common.Json = False,
) -> None:
    """Show a model's inputs, outputs, operators and weights as stored; with --plan, how it runs here."""
    m = fastinfer.load(model, isa=isa)
    table = m.plan(common.model_inputs(m, None, shape)) if plan else None
    if as_json:
        common.print_json({**_facts(m), **({"plan": table.to_dict()} if table else {})})
        return
    edges = [
        (kind, info.name, show(info.shape) if info.shape is not None else "any", str(info.dtype), info.layout)
        for kind, infos in (("input", m.inputs), ("output", m.outputs))
        for info in infos
    ]
    common.print_table(Cells(("", "name", "shape", "dtype", "layout"), edges), title=str(model))
    facts = _facts(m)
    operators = ", ".join(f"{name} {count}" for name, count in facts["operators"].items())
    common.say(f"operators: {operators}")
    weights = facts["weights"]
    common.say(f"weights: {weights['count']} tensors, {weights['elements']:,} elements, {weights['bytes']:,} bytes")
    if _compressed(m):
        common.print_table(size_cells(sizes(m.graph)))
    if table is not None:
        common.print_table(table.cells())


def size_cells(rows: list[Sizes]) -> Cells:
    """Bytes of each weight by stage, and of all."""
    header = ("weight", "form", "dense", "pruned", "coded", "entropy-coded", "ratio", "density", "bits/weight")
    total = Sizes("all", "", *(sum(getattr(row, name) for row in rows) for name in _COUNTS))
    words = []
    for row in [*rows, total]:
        stages = (row.dense, row.pruned, row.coded, row.entropy_coded)
        shares = (f"{row.ratio:.1f}", f"{row.density:.1%}", f"{row.bits_per_weight:.2f}")
        words.append((row.name, row.form, *(f"{size:,}" for size in stages), *shares))
    return Cells(header, words, right=range(2, 9))


def _facts(m: fastinfer.Model) -> dict[str, Any]:
    graph = m.graph
    operators = Counter(node.op for node in graph.nodes)
    weights = graph.weights.values()
    stored: dict[str, Any] = {
        "count": len(weights),
        "elements": sum(prod(weight.shape) for weight in weights),
        "bytes": sum(weight.nbytes for weight in weights),
    }
    if _compressed(m):
        stored["stages"] = [asdict(row) for row in sizes(graph)]
    return {
        "inputs": [_edge(info) for info in m.inputs],
        "outputs": [_edge(info) for info in m.outputs],
        "operators": dict(operators.most_common()),
        "weights": stored,
    }


def _compressed(m: fastinfer.Model) -> bool:
    return any(weight.form != "dense" for weight in m.graph.weights.values())


def _edge(info: Any) -> dict[str, Any]:
    shape = list(info.shape) if info.shape is not None else None
    return {"name": info.name, "shape": shape, "dtype": str(info.dtype), "layout": info.layout}
