"""One layer by one algorithm, timed: alone, by turns with others, or by turns with a peak loop."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from layers import LAYER, TWIN, Convolution, Floats, Layer, Product

sys.path.append(str(Path(__file__).resolve().parent.parent))
import fastinfer
from cores import on_cores
from fastinfer import _core

SLICE = 0.01  # seconds for which a peak loop runs in each round
OTHER = np.ones(2 << 20, np.float32)  # 8 MiB: more than any L2
FAR = Product(4096, 4096)  # 64 MiB of weights: more than what L3 holds


def _aligned(x: Floats) -> Floats:
    """A copy that starts at a cache line, as tensors in an arena do: NumPy's start at any 16 bytes, and a layer that
    reads its input in place takes up to 1.7 times as long where every vector straddles two lines."""
    room = np.empty(x.size + 16, np.float32)
    start = -room.ctypes.data // 4 % 16
    copy = room[start : start + x.size].reshape(x.shape)
    copy[:] = x
    return copy


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
        wanted = None if algorithm is None else {LAYER: algorithm, TWIN: algorithm}
        x = _aligned(layer.x())
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
        """Of the runs that fit into so many seconds, three at least; of several threads, on as many cores."""
        runs = max(3, int(seconds / max(self.seconds(), 1e-6)))
        profile = lambda: self.plan.profile(self.inputs, self.outputs, runs)  # noqa: E731
        return float(on_cores(self.plan.threads, profile)[:, self.step].min())


@cache
def _far(threads: int) -> Runner:
    return Runner(FAR, threads)


class NetworkRunner(Runner):
    """A layer as in a network of many: a large fully connected layer has driven all from the caches, then a twin with
    weights of its own runs on the same input. So input, output and scratch come from caches, weights from memory."""

    def __init__(
        self,
        layer: Convolution,
        threads: int = 1,
        algorithm: str | None = None,
        isa: str | None = None,
        model: bytes | None = None,
    ) -> None:
        super().__init__(layer, threads, algorithm, isa, model or layer.model(twin=True))
        self.far = _far(threads)

    def cold(self) -> float:
        self.far.seconds()
        _core._pool_seconds(self.plan.threads, 3, meet=True)
        return self.seconds()


def by_turns(runners: Mapping[str, Runner], rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, cold; of several threads, on as many cores."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            times[name].append(on_cores(runner.plan.threads, runner.cold))
    return times


def paired(numerator: Callable[[], float], denominator: Callable[[], float], rounds: int) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(numerator() / denominator() for _ in range(rounds))


def fma_peak(threads: int = 1, isa: str | None = None) -> float:
    """Multiply-accumulates a second."""
    return _core.measure_peak("fma", threads=threads, isa=isa or "", seconds=SLICE)


def bandwidth(kind: str, size: int, threads: int = 1) -> float:
    """Bytes a second of a loop ("read", "copy") over so many bytes."""
    return _core.measure_peak(kind, threads=threads, bytes=size, seconds=SLICE)


def read_share(layer: Product, threads: int, rounds: int) -> float:
    """Of a fully connected layer: the time of reading as many bytes as its weights have / its time."""
    size, runner = layer.weight_bytes, Runner(layer, threads)
    return paired(lambda: size / bandwidth("read", size, threads), runner.fastest, rounds)
