"""load(tune=True): which candidate is the fastest at each step, found by running the network with each in turn.

Candidates are timed where they will work: in the whole program, with the caches as the steps before leave them, by
turns with the program that the cost model would have chosen, so that a drift of the machine's speed meets both. Steps
that are alike (operator, attributes, shapes, strides, forms of weights, and so for the group that they run in) are
timed once. Where steps run as a group by stripes, the time that counts is the group's: a candidate that cannot be
striped makes the whole group run in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fastinfer import _core
from fastinfer.graph.weight import Array
from fastinfer.plan.records import Program, StepRecord
from fastinfer.session.picks import Pick, PickFile, Picks
from fastinfer.session.progress import Progress

FAR = 5.0  # candidates that the cost model thinks so many times slower than the best are not timed
CLOSE = 1.3  # so many times the fastest after the first rounds, and a candidate is out
FIRST_ROUNDS, ROUNDS = 2, 6

Wishes = dict[int, tuple[str, str]]  # step number -> algorithm, why
Prepare = Callable[[Wishes], _core.Plan]


class Timeable(Protocol):
    """The part of _core.Plan that timing needs."""

    def profile(self, inputs: list[Array], outputs: list[Array], runs: int) -> npt.NDArray[np.float64]: ...


@dataclass(slots=True)
class Choosable:
    """A step that has several candidates, the first of its like."""

    step: int
    group: Sequence[int]  # the steps that run with it, itself among them
    key: str
    of: tuple[str, ...]  # all candidates
    taken: str  # by the cost model
    others: list[str]  # to be timed, the most promising first
    ratios: dict[str, list[float]] = field(default_factory=dict)  # algorithm -> its time / that of `taken`


class Tuner:
    """Tunes the plans of one model, once: what is found goes to the model's file of picks."""

    def __init__(self, file: PickFile, name: str = "") -> None:
        self._file = file
        self._name = name

    def wishes(
        self, program: Program, shapes: str, prepare: Prepare, inputs: list[Array], outputs: list[Array]
    ) -> Wishes:
        """For prepare(): the fastest algorithm of every step that has several, timed now if the file does not know."""
        plan = prepare({})
        report = plan.report()
        steps = list(choosable(program, report))
        known = self._file.read(shapes)
        picks = {s.key: known[s.key] for s in steps if s.key in known and known[s.key].of == s.of}
        unknown = [s for s in steps if s.key not in picks]
        if unknown:
            found = time_candidates(unknown, plan, prepare, inputs, outputs, Progress(f"tuning {self._name}".strip()))
            self._file.add(shapes, found)
            picks.update(found)
        keys = step_keys(program)
        return {number: (picks[k].algorithm, picks[k].why()) for number, k in enumerate(keys) if k in picks}


def choosable(program: Program, report: Sequence[Mapping[str, object]]) -> Iterator[Choosable]:
    """The steps with more than one candidate worth timing; of those that are alike, the first."""
    seen: set[str] = set()
    keys = step_keys(program)
    for group in program.groups:
        for number in group.steps:
            cycles = report[number]["candidates"]
            assert isinstance(cycles, dict)
            best = min(cycles.values(), default=0.0)
            near = [name for name in sorted(cycles, key=cycles.__getitem__) if cycles[name] <= FAR * best]
            taken = str(report[number]["algorithm"])
            others = [name for name in near if name != taken]
            if others and taken in cycles and keys[number] not in seen:
                seen.add(keys[number])
                yield Choosable(number, group.steps, keys[number], tuple(sorted(cycles)), taken, others)


def time_candidates(
    steps: Sequence[Choosable],
    base: Timeable,
    prepare: Callable[[Wishes], Timeable],
    inputs: list[Array],
    outputs: list[Array],
    progress: Progress,
) -> Picks:
    """The pick of each step. base: the program with what the cost model takes."""
    seconds: dict[int, list[float]] = {s.step: [] for s in steps}
    base.profile(inputs, outputs, 1)  # the first touch of memory is not measured
    for rounds in (FIRST_ROUNDS, ROUNDS):
        variants = list(_variants(steps))
        progress.more(len(variants))
        for variant in variants:
            plan = prepare({s.step: (algorithm, "being timed") for s, algorithm in variant})
            plan.profile(inputs, outputs, 1)
            for _ in range(rounds):
                usual, other = base.profile(inputs, outputs, 1)[0], plan.profile(inputs, outputs, 1)[0]
                for s, algorithm in variant:
                    time = float(usual[list(s.group)].sum())
                    seconds[s.step].append(time)
                    s.ratios.setdefault(algorithm, []).append(float(other[list(s.group)].sum()) / time)
            progress.advance()
        for s in steps:
            best = min([1.0, *(median(s.ratios[name]) for name in s.others)])
            s.others = [name for name in s.others if median(s.ratios[name]) <= CLOSE * best]
    progress.close()
    return {s.key: _pick(s, median(seconds[s.step])) for s in steps}


def _pick(step: Choosable, seconds: float) -> Pick:
    times = {step.taken: seconds}
    times.update((name, seconds * median(ratios)) for name, ratios in step.ratios.items())
    return Pick.fastest(times, step.of)


def _variants(steps: Sequence[Choosable]) -> Iterator[list[tuple[Choosable, str]]]:
    """Programs to be timed, as what they change: at most one step of each group, so that its time is due to that."""
    changes: dict[tuple[int, ...], list[tuple[Choosable, str]]] = {}
    for s in steps:
        changes.setdefault(tuple(s.group), []).extend((s, name) for name in s.others)
    for turn in range(max(map(len, changes.values()), default=0)):
        yield [of_group[turn] for of_group in changes.values() if turn < len(of_group)]


def median(values: Sequence[float]) -> float:
    return float(np.median(values))


def step_keys(program: Program) -> list[str]:
    """By step number: equal for steps that do the same work in the same company."""
    import hashlib  # here: OpenSSL takes a while to load

    works = [_work(program, step) for step in program.steps]
    keys = [""] * len(works)
    for group in program.groups:
        company = [works[number] for number in group.steps]
        for position, number in enumerate(group.steps):
            text = repr((company, position, group.stripe_rows))
            keys[number] = hashlib.sha256(text.encode()).hexdigest()[:24]
    return keys


def _work(program: Program, step: StepRecord) -> str:
    """What decides the time of a step, in words."""
    views: list[object] = []
    for number in (*step.inputs, *step.outputs):
        if number >= 0:
            tensor = program.tensors[number]
            views.append((tensor.dtype.name, tensor.shape, tensor.strides, program.buffers[tensor.buffer].kind))
        else:
            views.append(None)
    weights = [w if w is None else (type(w).__name__, w.dtype.name, w.shape, w.nbytes) for w in step.weights]
    return repr((step.op, sorted(step.attributes.items()), views, weights))
