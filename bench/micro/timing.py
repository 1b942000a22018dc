"""One layer by one algorithm, timed: alone, by turns with others, or by turns with a peak loop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np
from layers import LAYER, Layer, Product

import fastinfer
from fastinfer import _core

SLICE = 0.01  # seconds for which a peak loop runs in each round
REPEATED = 20  # rounds more than wanted, at most, for each of them
TWO_CORES = 1.7  # times the peak of one
OTHER = np.ones(2 << 20, np.float32)


class Runner:
    """A layer that stands alone between conversions of its layout, so that its input comes from the cache as it does in
    a network. `model`: of the layer, where it is at hand; algorithm None: as the cost model takes it."""

    def __init__(
        self,
        layer: Layer,
        threads: int = 1,
        algorithm: str | None = None,
        isa: str | None = None,
        model: bytes | None = None,
    ) -> None:
        wanted = None if algorithm is None else {LAYER: algorithm}
        x = layer.x()
        self.model = fastinfer.load(model or layer.model(), threads=threads, algorithm=wanted, isa=isa)
        rows = self.model.plan().rows
        (self.step,) = [i for i, row in enumerate(rows) if row.step == LAYER]
        self.row = rows[self.step]
        (stage,) = self.model._engines.main.stages({"x": x})
        assert stage.prepared.plan is not None
        self.plan, self.inputs, self.outputs = stage.prepared.plan, stage.inputs, stage.outputs
        self.seconds()  # the first touch of memory does not count

    def seconds(self) -> float:
        """Of one run of the layer itself."""
        return float(self.plan.profile(self.inputs, self.outputs, 1)[0, self.step])

    def cold(self) -> float:
        """The same as within a network: tensors were used a moment ago (a run that does not count), but 8 MiB of other
        memory have been read since, so that weights do not come from L2; and the pool's workers, which rest after
        200 us, are awake."""
        self.seconds()
        OTHER.sum()
        _core._pool_seconds(self.plan.threads, 3, meet=True)
        return self.seconds()

    def fastest(self, seconds: float = SLICE) -> float:
        """Of the runs that fit into so many seconds, three at least."""
        runs = max(3, int(seconds / max(self.seconds(), 1e-6)))
        return float(self.plan.profile(self.inputs, self.outputs, runs)[:, self.step].min())


def by_turns(runners: Mapping[str, Runner], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, cold."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            times[name].append(runner.cold())
    return times


def paired(
    numerator: Callable[[], float],
    denominator: Callable[[], float],
    rounds: int,
    counts: Callable[[], bool] = lambda: True,
) -> float:
    """The median of the rounds' ratios. A round is repeated, up to so many times in all, unless `counts` before and
    after it."""
    ratios: list[float] = []
    spare = REPEATED * rounds
    while len(ratios) < rounds:
        before = counts()
        ratio = numerator() / denominator()
        if spare <= 0 or (before and counts()):
            ratios.append(ratio)
        elif not before:
            time.sleep(SLICE)
        spare -= 1
    return statistics.median(ratios)


def two_cores() -> bool:
    """Whether two threads multiply faster than one. A virtual machine's processors may at times be two threads of one
    core, for seconds: a peak loop then runs at half its speed on each, though both are busy and none is stolen."""
    return fma_peak(2, seconds=SLICE / 4) > TWO_CORES * fma_peak(seconds=SLICE / 4)


def fma_peak(threads: int = 1, isa: str | None = None, seconds: float = SLICE) -> float:
    """Multiply-accumulates a second."""
    return _core.measure_peak("fma", threads=threads, isa=isa or "", seconds=seconds)


def bandwidth(kind: str, size: int, threads: int = 1) -> float:
    """Bytes a second of a loop ("read", "copy") over so many bytes."""
    return _core.measure_peak(kind, threads=threads, bytes=size, seconds=SLICE)


def read_share(layer: Product, threads: int, rounds: int) -> float:
    """Of a fully connected layer: the time of reading as many bytes as its weights have / its time."""
    size, runner = layer.weight_bytes, Runner(layer, threads)
    counts = two_cores if threads > 1 else lambda: True
    return paired(lambda: size / bandwidth("read", size, threads), runner.fastest, rounds, counts)
