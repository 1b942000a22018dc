"""`fastinfer profile`: where the time goes, beside the machine's measured peak."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

import fastinfer
from fastinfer.cli import common
from fastinfer.plan.report import ProfileTable


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
    common.console.print(profile_table(result, str(model)))


def profile_table(profile: ProfileTable, title: str) -> Table:
    """The profile as a table for the terminal."""
    caption = (
        f"{profile.seconds * 1e3:.3f} ms, median of {profile.runs} runs, {profile.threads} threads; "
        f"measured peak {profile.peak_gmacs:.0f} GMAC/s"
    )
    table = Table("step", "algorithm", "kernel", "ms", "%", "GMAC/s", "% of peak", "GB/s", title=title, caption=caption)
    for column in range(3, 8):
        table.columns[column].justify = "right"
    for row in profile.rows:
        table.add_row(
            row.step,
            row.algorithm,
            row.kernel,
            f"{row.seconds * 1e3:.3f}",
            f"{row.share * 100:.1f}",
            f"{row.gmacs:.1f}" if row.gmacs else "",
            f"{row.peak * 100:.0f}" if row.peak is not None else "",
            f"{row.gbytes:.1f}",
        )
    return table
