"""`fastinfer run`: one answer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import fastinfer
from fastinfer.cli import common
from fastinfer.errors import FileWriteError
from fastinfer.plan.report import Cells, show


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
    header = ("output", "shape", "dtype", "min", "max", f"{top} largest (index: value)")
    words = [
        (
            row["name"],
            show(row["shape"]),
            row["dtype"],
            *("" if row[key] is None else _word(row[key]) for key in ("min", "max")),
            "  ".join(f"{index}: {_word(value)}" for index, value in row["largest"]),
        )
        for row in rows
    ]
    common.print_table(Cells(header, words), title=str(model))


def _describe(name: str, y: common.Array, top: int) -> dict[str, Any]:
    flat = y.ravel().astype(np.float64)
    order = np.argsort(-flat, kind="stable")[:top]
    return {
        "name": name,
        "shape": list(y.shape),
        "dtype": str(y.dtype),
        "min": _number(flat.min()) if flat.size else None,
        "max": _number(flat.max()) if flat.size else None,
        "largest": [[int(i), _number(flat[i])] for i in order],
    }


def _number(value: float) -> float | str:
    """The value; as text where JSON has no number for it."""
    return float(value) if math.isfinite(value) else str(float(value))


def _word(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _save(path: Path, answers: dict[str, common.Array]) -> None:
    """Written beside the target first, then renamed, so that no half-written file stays."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **answers)  # type: ignore[arg-type]
        temporary.replace(path)
    except OSError as error:
        raise FileWriteError(f"cannot be written: {error.strerror or error}", file=str(path)) from error
