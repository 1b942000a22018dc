"""The cases of each bar of bars.py: what is compared with what."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from layers import Convolution, convolutions, counted, products
from timing import Runner, bandwidth, by_turns, fma_peak, paired, read_share, two_cores

from fastinfer import _core

ROUNDS = 11
GEMM = ("pointwise", "indirect", "im2col", "mec")
WINOGRAD = ("winograd_f23", "winograd_f43", "winograd_f63")
LARGE = 20e6  # multiply-accumulates from which on two threads count
L2_RESIDENT = (
    Convolution(28, 28, 128, 128, 1, 1, 1, 0, 1),
    Convolution(14, 14, 256, 256, 1, 1, 1, 0, 1),
    Convolution(14, 14, 128, 128, 3, 3, 1, 1, 1),
)


@dataclass(frozen=True, slots=True)
class Case:
    what: str
    measure: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Bar:
    what: str
    wanted: float
    cases: Callable[[], Iterator[Case]]
    at_most: bool = False

    def met(self, value: float) -> bool:
        return value <= self.wanted if self.at_most else value >= self.wanted


def fastest(layer: Convolution, algorithms: Sequence[str]) -> Runner:
    """By the best of these algorithms; none: by the one that the cost model takes."""
    model = layer.model()
    taken = Runner(layer, model=model)
    runners = {name: Runner(layer, algorithm=name, model=model) for name in algorithms if name in taken.row.candidates}
    times = by_turns(runners, 3)
    return runners[min(times, key=lambda name: statistics.median(times[name]))] if runners else taken


def slower(layer: Convolution, algorithms: Sequence[str], than: Convolution, others: Sequence[str] = ()) -> float:
    """How many times longer a layer takes than the other, each per multiply-accumulate."""
    runner, other = fastest(layer, algorithms), fastest(than, others)
    return paired(runner.cold, other.cold, ROUNDS) * than.macs / layer.macs


def windows(wanted: Callable[[Convolution], bool]) -> list[Convolution]:
    return [layer for layer in convolutions(["windows"])["windows"] if wanted(layer)]


def winograd() -> Iterator[Case]:
    for layer in windows(lambda layer: layer.kernel_h == 3 and layer.groups == layer.stride == layer.dilation == 1):
        yield Case(str(layer), lambda layer=layer: slower(layer, GEMM, layer, WINOGRAD))


def fft() -> Iterator[Case]:
    for layer in windows(lambda layer: layer.kernel_h == 11):
        yield Case(str(layer), lambda layer=layer: slower(layer, GEMM, layer, ["fft"]))


def mec() -> Iterator[Case]:
    for layer in convolutions(["resnet18"])["resnet18"]:
        if layer.kernel_h <= layer.stride:
            continue
        lowered = dict(Runner(layer, algorithm="mec").row.lowered_bytes)
        ratio = lowered["im2col"] / lowered["mec"]
        overhang = (layer.kernel_h - layer.stride) / layer.out_size(layer.height, layer.kernel_h)
        wanted = layer.kernel_h / (layer.stride + overhang)
        what = f"{layer}: {ratio:.2f} times less, kernel_h / stride_h is {layer.kernel_h / layer.stride:g}"
        yield Case(what, lambda ratio=ratio, wanted=wanted: ratio / wanted)


def grouped(net: str, kernel: int, others: Sequence[str]) -> Iterator[Case]:
    for layer in convolutions([net])[net]:
        if layer.kernel_h == kernel and layer.groups > 1 and not layer.depthwise:
            dense = replace(layer, groups=1)
            yield Case(str(layer), lambda layer=layer, dense=dense: slower(layer, [], dense, others))


def transposed(others: Sequence[str]) -> Iterator[Case]:
    for layer in windows(lambda layer: layer.transposed == 1):
        plain = Convolution(layer.height, layer.width, layer.channels_in, layer.channels_out, 3, 3, 1, 1, 1)
        yield Case(f"{layer}; {plain}", lambda layer=layer, plain=plain: slower(layer, [], plain, others))


def depthwise() -> Iterator[Case]:
    for layer in windows(lambda layer: layer.depthwise):
        if layer.kernel_h == 31 or (layer.kernel_h == 3 and layer.dilation > 1):
            yield Case(str(layer), lambda layer=layer: bound_share(layer))


def bound_share(layer: Convolution) -> float:
    """What multiply-accumulates at the peak, or a copy of as many bytes, would take of the time."""
    runner = Runner(layer)
    bound = lambda: max(layer.macs / fma_peak(), layer.bytes / bandwidth("copy", layer.bytes))  # noqa: E731
    return paired(bound, runner.fastest, ROUNDS)


def peak_share(runner: Runner, macs: int, isa: str, seconds: Callable[[], float]) -> float:
    return paired(lambda: macs / fma_peak(isa=isa), seconds, ROUNDS)


def micro_kernels() -> Iterator[Case]:
    for tier in _core.build_config()["tiers_usable"]:
        for layer in L2_RESIDENT if tier != "scalar" else ():
            runner = Runner(layer, algorithm="pointwise" if layer.kernel_h == 1 else "indirect", isa=tier)
            yield Case(
                f"{tier}: {layer}",
                lambda runner=runner, layer=layer, tier=tier: peak_share(runner, layer.macs, tier, runner.fastest),
            )


def avx2() -> Iterator[Case]:
    if "avx2" not in _core.build_config()["tiers_usable"]:
        return
    work: dict[Convolution, int] = {}
    shares: dict[Convolution, float] = {}

    def share(runner: Runner, layer: Convolution) -> float:
        shares[layer] = peak_share(runner, layer.macs, "avx2", runner.cold)
        return shares[layer]

    for layer, count in counted("resnet50").items():
        runner = Runner(layer, isa="avx2")
        if runner.row.algorithm in GEMM:
            work[layer] = count * layer.macs
            what = f"{layer}, {runner.row.algorithm}"
            yield Case(what, lambda runner=runner, layer=layer: share(runner, layer))
    whole = "all of them, as often as they occur"
    yield Case(whole, lambda: sum(work.values()) / sum(macs / shares[layer] for layer, macs in work.items()))


def threads() -> Iterator[Case]:
    layers = dict.fromkeys(layer for net in convolutions().values() for layer in net if layer.macs > LARGE)
    for layer in layers:
        yield Case(str(layer), lambda layer=layer: scaling(layer))


def scaling(layer: Convolution) -> float:
    return paired(Runner(layer, 1).fastest, Runner(layer, 2).fastest, 5, two_cores)


def fork_join() -> Iterator[Case]:
    yield Case("2 threads, microseconds", lambda: 1e6 * statistics.median(_core._pool_seconds(2, 5000, meet=True)))


def connected() -> Iterator[Case]:
    for n in (1, 2):
        for batch in (1, 4):
            layers = dict.fromkeys(layer for net in products(batch=batch).values() for layer in net)
            for layer in layers:
                what = f"{layer}, {n} thread{'s' if n > 1 else ''}"
                yield Case(what, lambda layer=layer, n=n: read_share(layer, n, ROUNDS))


PER_MAC = "times the time per multiply-accumulate of"
BARS = {
    "micro_kernels": Bar("share of the measured peak of the tier, one GEMM in L2", 0.85, micro_kernels),
    "winograd": Bar("times as fast as our own GEMM", 1.8, winograd),
    "fft": Bar("times as fast as our own GEMM", 2, fft),
    "mec": Bar("im2col's matrix / MEC's, over kernel_h / stride_h less the window's overhang", 1, mec),
    "grouped_1x1": Bar(
        f"{PER_MAC} the dense layer between tensors of the same sizes",
        1.3,
        lambda: grouped("shufflenet_v1_g3", 1, GEMM),
        at_most=True,
    ),
    "grouped_3x3": Bar(
        f"{PER_MAC} the dense layer between tensors of the same sizes, by our own GEMM",
        2,
        lambda: grouped("resnext50", 3, GEMM),
        at_most=True,
    ),
    "grouped_3x3_winograd": Bar(
        "the same, the dense layer as the cost model takes it", 2, lambda: grouped("resnext50", 3, ()), at_most=True
    ),
    "depthwise": Bar(
        "share of the time that multiply-accumulates at the peak, or a copy of as many bytes, take", 0.7, depthwise
    ),
    "transposed": Bar(
        f"{PER_MAC} a 3x3 convolution of the same input, by our own GEMM", 1.3, lambda: transposed(GEMM), at_most=True
    ),
    "transposed_winograd": Bar(
        "the same, the 3x3 convolution as the cost model takes it", 1.3, lambda: transposed(()), at_most=True
    ),
    "avx2": Bar("ResNet-50's layers that GEMM is taken for, capped to avx2: share of that tier's peak", 0.8, avx2),
    "threads": Bar("one thread's time / that of two, layers above 20 million multiply-accumulates", 1.8, threads),
    "fork_join": Bar("microseconds until two threads have met and joined", 3, fork_join, at_most=True),
    "connected": Bar("fully connected: share of the bandwidth of a loop that reads as many bytes", 0.85, connected),
}
