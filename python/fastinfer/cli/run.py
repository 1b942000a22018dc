"""`fastinfer run`: one answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

import fastinfer
from fastinfer.cli import common
from fastinfer.errors import InputError


@common.reports_errors
def run(
    model: common.ModelPath,
    input: common.Inputs = None,
    shape: common.Shapes = None,
    output: Annotated[Path | None, typer.Option(help="Write the outputs to this .npz file.")] = None,
    top: Annotated[int, typer.Option(help="Largest elements to show of each output.", min=0)] = 5,
    threads: common.Threads = None,
    isa: common.Isa = None,
    tune: common.Tune = False,
    as_json: common.Json = False,
) -> None:
    """Run a model once, on .npy files or random numbers, and show its outputs."""
    m = fastinfer.load(model, threads=threads, isa=isa, tune=tune)
    answers = m.run(common.model_inputs(m, input, shape))
    if output is not None:
        _save(output, answers)
    rows = [_describe(name, y, top) for name, y in answers.items()]
    if as_json:
        common.print_json({"model": str(model), "outputs": rows})
        return
    table = Table("output", "shape", "dtype", "min", "max", f"{top} largest (index: value)", title=str(model))
    for row in rows:
        largest = "  ".join(f"{index}: {value:.4g}" for index, value in row["largest"])
        table.add_row(row["name"], "x".join(map(str, row["shape"])), row["dtype"], row["min"], row["max"], largest)
    common.console.print(table)


def _describe(name: str, y: common.Array, top: int) -> dict[str, Any]:
    flat = y.ravel().astype(np.float64)
    order = np.argsort(-flat, kind="stable")[:top]
    return {
        "name": name,
        "shape": list(y.shape),
        "dtype": str(y.dtype),
        "min": f"{flat.min():.4g}" if flat.size else "",
        "max": f"{flat.max():.4g}" if flat.size else "",
        "largest": [[int(i), float(flat[i])] for i in order],
    }


def _save(path: Path, answers: dict[str, common.Array]) -> None:
    """Written beside the target first, then renamed, so that no half-written file stays."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **answers)  # type: ignore[arg-type]
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error}") from error
