"""What m.plan() and m.profile() find out: each stage's steps, and their times."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from fastinfer import _core
from fastinfer.graph.weight import Array
from fastinfer.plan.report import PlanRow, PlanTable, ProfileTable, plan_rows, profile_table
from fastinfer.session.core_errors import core_errors
from fastinfer.session.engine import Engine


def plan_of(engine: Engine, inputs: Mapping[str, Array]) -> PlanTable:
    """The steps of all stages for these inputs. A stage that others follow is run, for they depend on what it makes."""
    rows: list[PlanRow] = []
    memory: dict[str, int] = {}
    for run in engine.stages(dict(inputs)):
        plan, program = run.prepared.plan, run.prepared.stage.program
        if plan is None or program is None:
            continue
        rows += plan_rows(program, plan.report(), _next_group(rows))
        for key, value in plan.memory().items():
            memory[key] = memory.get(key, 0) + int(value)
        if run.prepared.stage.stop < len(engine.graph.nodes):
            with core_errors(engine.graph.file):
                plan.run(run.inputs, run.outputs)
    return PlanTable(tuple(rows), memory)


def profile_of(engine: Engine, inputs: Mapping[str, Array], runs: int) -> ProfileTable:
    """The steps of all stages, each stage run once unmeasured and then `runs` times."""
    rows: list[PlanRow] = []
    times: list[npt.NDArray[np.float64]] = []
    for run in engine.stages(dict(inputs)):
        plan, program = run.prepared.plan, run.prepared.stage.program
        if plan is None or program is None:
            continue
        rows += plan_rows(program, plan.report(), _next_group(rows))
        with core_errors(engine.graph.file):
            plan.run(run.inputs, run.outputs)  # the first touch of memory is not measured
            times.append(np.asarray(plan.profile(run.inputs, run.outputs, runs)))
    seconds = np.concatenate(times, axis=1) if times else np.zeros((runs, 0))
    options = engine.options
    peak = _core.measure_peak("fma", threads=options.threads, isa=options.isa or "")
    return profile_table(rows, seconds, peak, options.threads)


def _next_group(rows: list[PlanRow]) -> int:
    return rows[-1].group + 1 if rows else 0
