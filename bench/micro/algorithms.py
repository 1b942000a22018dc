"""Every layer of the networks in bench/shapes by every algorithm that may be taken for it, as shares of the peak.

    python bench/micro/algorithms.py [--nets resnet50 ...] [--threads 1] [--out bench/results]

A layer (convolution, bias, ReLU) stands alone between conversions of its layout, so that its input comes from the cache
as it does in a network; 8 MiB of other memory are read before each run, so that its weights do not. Algorithms take
turns, and what counts is the median. The share is multiply-accumulates of the direct convolution over time, against a
loop of nothing but multiply-accumulates on the same cores: Winograd and FFT, which need fewer, may pass 100 %.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import fastinfer
from fastinfer import _core

SHAPES = Path(__file__).resolve().parent.parent / "shapes"
CONV = "layer"
FAR = 1.6  # so many times the fastest after the first rounds, and an algorithm is timed no more
FIRST_ROUNDS, ROUNDS = 3, 6


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution, batch 1: square stride and padding. The fields are the columns of the files."""

    height: int
    width: int
    channels_in: int
    channels_out: int
    kernel_h: int
    kernel_w: int
    stride: int
    pad: int
    groups: int

    def __str__(self) -> str:
        grouped = f" g{self.groups}" if self.groups > 1 else ""
        stride = f" s{self.stride}" if self.stride > 1 else ""
        kernel = f"{self.kernel_h}x{self.kernel_w}"
        return f"{self.channels_in}->{self.channels_out} {kernel}{stride}{grouped} at {self.height}x{self.width}"

    @property
    def macs(self) -> int:
        height = (self.height + 2 * self.pad - self.kernel_h) // self.stride + 1
        width = (self.width + 2 * self.pad - self.kernel_w) // self.stride + 1
        return height * width * self.channels_out * self.channels_in // self.groups * self.kernel_h * self.kernel_w

    def model(self) -> bytes:
        """The layer as an ONNX file."""
        from onnx import TensorProto, helper, numpy_helper

        random = np.random.default_rng(0)
        shape = (self.channels_out, self.channels_in // self.groups, self.kernel_h, self.kernel_w)
        scale = np.float32(1 / np.sqrt(np.prod(shape[1:])))
        weights = {
            "w": random.standard_normal(shape, np.float32) * scale,
            "b": random.standard_normal(self.channels_out, np.float32),
        }
        pads, strides = [self.pad] * 4, [self.stride] * 2
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, self.channels_in, self.height, self.width))
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], CONV, pads=pads, strides=strides, group=self.groups),
            helper.make_node("Relu", ["c"], ["y"]),
        ]
        initializers = [numpy_helper.from_array(w, name) for name, w in weights.items()]
        graph = helper.make_graph(nodes, CONV, [x], [y], initializers)
        opset = [helper.make_opsetid("", 17)]
        return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


@dataclass(slots=True)
class Timed:
    """One layer: medians in seconds, by algorithm."""

    layer: Layer
    taken: str  # by the cost model
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> str:
        return min(self.seconds, key=lambda name: self.seconds[name])

    @property
    def loss(self) -> float:
        """How many times longer the one that is taken takes than the best."""
        return self.seconds[self.taken] / self.seconds[self.best]


class Runner:
    """One layer by one algorithm."""

    def __init__(self, model: bytes, x: Any, threads: int, algorithm: str | None) -> None:
        wanted = None if algorithm is None else {CONV: algorithm}
        self.model = fastinfer.load(model, threads=threads, algorithm=wanted)
        (self.row,) = [row for row in self.model.plan().rows if row.operator == "conv"]
        (stage,) = self.model._engines.main.stages({"x": x})
        assert stage.prepared.plan is not None and stage.prepared.stage.program is not None
        self.plan, self.inputs, self.outputs = stage.prepared.plan, stage.inputs, stage.outputs
        self.step = [step.op for step in stage.prepared.stage.program.steps].index("conv")

    def seconds(self) -> float:
        return float(self.plan.profile(self.inputs, self.outputs, 1)[0, self.step])


def shapes(nets: Sequence[str] = ()) -> dict[str, list[Layer]]:
    """The layers of each network, in its order."""
    found = {}
    for path in sorted(SHAPES.glob("*.csv")):
        if nets and path.stem not in nets:
            continue
        with path.open(newline="") as file:
            rows = [{k: int(v) for k, v in row.items() if k != "count"} for row in csv.DictReader(file)]
        found[path.stem] = [Layer(**row) for row in rows]
    return found


def time_layer(layer: Layer, threads: int) -> Timed:
    """All algorithms of one layer by turns."""
    model = layer.model()
    x = np.random.default_rng(1).standard_normal((1, layer.channels_in, layer.height, layer.width), np.float32)
    other = np.ones(2 << 20, np.float32)
    chosen = Runner(model, x, threads, None)
    timed = Timed(layer, chosen.row.algorithm)
    runners = {name: Runner(model, x, threads, name) for name in chosen.row.candidates if name != timed.taken}
    runners[timed.taken] = chosen
    times: dict[str, list[float]] = {name: [runner.seconds()] for name, runner in runners.items()}
    for name in times:  # the first touch of memory does not count
        times[name].clear()
    for rounds in (FIRST_ROUNDS, ROUNDS):
        for _ in range(rounds):
            for name, runner in runners.items():
                other.sum()
                times[name].append(runner.seconds())
        least = min(statistics.median(found) for found in times.values())
        runners = {n: r for n, r in runners.items() if statistics.median(times[n]) <= FAR * least or n == timed.taken}
    timed.seconds = {name: statistics.median(found) for name, found in times.items()}
    return timed


def time_layers(nets: Sequence[str], threads: int, texts: Sequence[str] = ()) -> Iterator[tuple[str, Timed]]:
    """(network, layer) of all networks, or of those layers that contain one of the texts; a shape that two share is
    timed once."""
    known: dict[Layer, Timed] = {}
    for net, layers in shapes(nets).items():
        for layer in dict.fromkeys(layers):
            if texts and not any(text in str(layer) for text in texts):
                continue
            if layer not in known:
                known[layer] = time_layer(layer, threads)
            yield net, known[layer]


def table(timed: Sequence[Timed], threads: int, peak: float) -> str:
    """Markdown. peak: multiply-accumulates a second."""
    names = sorted({name for t in timed for name in t.seconds})
    plural = "s" if threads > 1 else ""
    lines = [
        f"Share of the peak (%), {threads} thread{plural}; bold: taken. Written by bench/micro/algorithms.py.",
        "",
        "| layer | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for t in timed:
        cells = []
        for name in names:
            share = f"{100 * t.layer.macs / t.seconds[name] / peak:.0f}" if name in t.seconds else ""
            cells.append(f"**{share}**" if name == t.taken else share)
        lines.append(f"| {t.layer} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", default=[], help="names of files in bench/shapes; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a folder to write a table for each network to, too")
    args = parser.parse_args()
    peak = _core.measure_peak("fma", threads=args.threads, seconds=0.3)
    found: dict[str, list[Timed]] = {}
    for net, timed in time_layers(args.nets, args.threads):
        print(f"{net}: {timed.layer}", file=sys.stderr)
        found.setdefault(net, []).append(timed)
    for net, rows in found.items():
        text = table(rows, args.threads, peak)
        print(f"{net}\n\n{text}")
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / f"{net}.md").write_text(f"# {net}\n\n{text}")


if __name__ == "__main__":
    main()
