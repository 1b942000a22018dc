"""`fastinfer bench`: how long an answer takes."""

from __future__ import annotations

import statistics
import time
from typing import Annotated

import typer

import fastinfer
from fastinfer.cli import common
from fastinfer.plan.report import Cells


def measure(model: fastinfer.Model, inputs: dict[str, common.Array], runs: int, quiet: bool) -> list[float]:
    """Seconds of each of `runs` answers, after a tenth as many (at least two) that do not count."""
    for _ in range(max(2, runs // 10)):
        model.run(inputs)
    times = []
    with common.progress("timing", runs, quiet) as advance:
        for _ in range(runs):
            start = time.perf_counter()
            model.run(inputs)
            times.append(time.perf_counter() - start)
            advance()
    return times


@common.reports_errors
def bench(
    model: common.ModelPath,
    input: common.Inputs = None,
    shape: common.Shapes = None,
    runs: Annotated[int, typer.Option(help="Answers to time.", min=1)] = 100,
    threads: common.Threads = None,
    isa: common.Isa = None,
    tune: common.Tune = False,
    as_json: common.Json = False,
) -> None:
    """Time a model: minimum, median and 95th percentile of many answers."""
    start = time.perf_counter()
    m = fastinfer.load(model, threads=threads, isa=isa, tune=tune)
    inputs = common.model_inputs(m, input, shape)
    m.run(inputs)
    first = time.perf_counter() - start
    times = sorted(measure(m, inputs, runs, quiet=as_json))
    batch = next(iter(inputs.values())).shape[:1]
    median = statistics.median(times)
    figures = {
        "load and first answer": first * 1e3,
        "minimum": times[0] * 1e3,
        "median": median * 1e3,
        "95th percentile": times[min(len(times) - 1, int(0.95 * len(times)))] * 1e3,
    }
    per_second = (batch[0] if batch else 1) / median
    if as_json:
        milliseconds = {name.replace(" ", "_"): value for name, value in figures.items()}
        common.print_json({"model": str(model), "runs": runs, "milliseconds": milliseconds, "per_second": per_second})
        return
    rows = [(name, f"{value:.3f}") for name, value in figures.items()]
    common.print_table(Cells(("", "ms"), rows, right=[1]), title=f"{model}, {runs} answers")
    common.say(f"{per_second:.1f} inputs a second at the median")
