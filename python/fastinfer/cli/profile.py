"""`fastinfer profile`: where the time goes, beside the machine's measured peak."""

from __future__ import annotations

from typing import Annotated

import typer

import fastinfer
from fastinfer.cli import common


@common.reports_errors
def profile(
    model: common.ModelPath,
    input: common.Inputs = None,
    shape: common.Shapes = None,
    runs: Annotated[int, typer.Option(help="Runs to take the median of.", min=1)] = 50,
    threads: common.Threads = None,
    isa: common.Isa = None,
    as_json: common.Json = False,
) -> None:
    """Time every step of a model: GMAC/s, share of the measured peak, and bandwidth."""
    m = fastinfer.load(model, threads=threads, isa=isa)
    inputs = common.model_inputs(m, input, shape)
    with common.progress("profiling", 1, quiet=as_json) as advance:
        result = m.profile(inputs, runs=runs)
        advance()
    if as_json:
        common.print_json(result.to_dict())
        return
    common.print_table(result.cells(), title=str(model), caption=result.summary())
