"""Compressed networks: pruned ones beside the peers and beside our own dense path, layers of codes, memory.

    python bench/models/environments.py deepsparse     (once; it wants an environment of its own)
    python bench/models/compressed.py --nets DIR [--parts pruned densities ...] [--only mobilenet_v1 ...]
        [--out bench/results/compressed.md]

DIR holds alexnet.onnx, mobilenet_v1.onnx and resnet50.onnx (others are left alone unless --only names them). Whatever
is measured is made from them, in a temporary folder (compressed_files.py): the smallest magnitudes of each layer go,
but those of the first convolution and of depthwise ones stay; of AlexNet, each layer keeps its published share. Rounds
are paired and interleaved as in compare.py, one thread unless --threads says more. With --out, each part replaces its
own section of the file, so that a long run can be done in pieces.

    pruned      whole pruned networks: our dense path (the network before pruning), DeepSparse, onnxruntime
    densities   the time of our dense path / ours, density by density, so that none should fall below 1
    pointwise   the 1x1 convolutions of a pruned network alone, dense / sparse, from Model.profile
    connected   fully connected layers from a sparse codebook, beside dense f32 and dense int8 peers
    memory      AlexNet's resident size with weights="compressed"
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from compressed_files import (
    ALEXNET_DENSITIES,
    CONNECTED_BITS,
    CONVOLUTION_BITS,
    GAP_BITS,
    Connected,
    compress_alexnet,
    make_connected,
    pointwise,
    prune,
)
from contest import Contender, contest, first_line, input_shape, started
from environments import how_to_install, python_of
from footprint import measure
from sections import update
from table import OURS, Comparison, Notes, figure, grid, processor, ratio, releases

import fastinfer

DENSE = "own dense"
PRUNED_NETS = ("alexnet", "mobilenet_v1", "resnet50")
SWEPT_NETS = ("mobilenet_v1", "resnet50")
DENSITIES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LAYERS = (
    Connected(9216, 4096, 0.09),
    Connected(4096, 4096, 0.09),
    Connected(4096, 1000, 0.25),
    Connected(25088, 4096, 0.04),
)
CODE_BITS = 4
SPARSE = ("sparse", "gapped")  # algorithms that skip the weights that are not there
FAR = math.inf  # the tolerance of what computes something else
INT8 = 0.1  # of int8 answers
PROFILED = 20  # runs each round
Section = tuple[str, list[str]]  # heading, lines


class Bench:
    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self.args, self.folder = args, folder
        self.left_out = {e: how_to_install(e) for e in ("deepsparse", "onnxruntime", "openvino") if not python_of(e)}

    def nets(self, usual: tuple[str, ...]) -> list[Path]:
        wanted = self.args.only or usual
        return [path for path in sorted(self.args.nets.glob("*.onnx")) if path.stem in wanted]

    def contest(self, name: str, contenders: list[Contender]) -> Comparison:
        """Of the contenders that are installed; the first one's file tells the input."""
        result = Comparison(name, self.args.threads)
        able = [c for c in contenders if c.engine not in self.left_out]
        result.remarks.update(
            (c.name, f"not installed; {self.left_out[c.engine]}") for c in contenders if c.engine in self.left_out
        )
        shape = input_shape(next(c.model for c in contenders if c.model.suffix == ".onnx"))
        contest(result, able, shape, self.args.rounds, self.args.seconds)
        ratios = "  ".join(f"{peer} {value:.2f}" for peer, value in result.ratios.items())
        remarks = (f"{peer}: {remark}" for peer, remark in result.remarks.items())
        print(f"{name:28} {1e3 * result.seconds:.3f} ms  {ratios}", *remarks, sep="\n  ", file=sys.stderr)
        return result

    def own_pair(self, model: Path, density: float | tuple[float, ...]) -> list[Contender]:
        """The pruned network, and our dense path: the network before pruning."""
        pruned = self.folder / f"{model.stem}.onnx"
        prune(model, pruned, density)
        return [
            Contender(OURS, OURS, pruned),
            Contender(DENSE, OURS, model, {"weights": "dense"}, FAR),
        ]

    def pruned(self) -> Iterator[Section]:
        results = []
        for model in self.nets(PRUNED_NETS):
            published = model.stem == "alexnet"
            pair = self.own_pair(model, ALEXNET_DENSITIES if published else self.args.density)
            peers = [Contender(name, name, pair[0].model) for name in ("deepsparse", "onnxruntime")]
            kept = "published densities" if published else f"{100 * self.args.density:.0f} %"
            results.append(self.contest(f"{model.stem}, {kept}", [*pair, *peers]))
        notes = Notes()
        names = (DENSE, "deepsparse", "onnxruntime")
        rows = [[r.net, figure(1e3 * r.seconds), *(ratio(r, name, notes) for name in names)] for r in results]
        shares = "/".join(f"{100 * share:.0f}" for share in ALEXNET_DENSITIES)
        yield (
            "Pruned networks",
            [
                f"Share of the weights kept as given (AlexNet's layers: {shares} %), the same file for all; {DENSE}: "
                "fastinfer on the network before pruning.",
                "",
                releases(results),
                "",
                *grid(["network", "fastinfer, ms", *names], rows),
                *_said(notes),
            ],
        )

    def densities(self) -> Iterator[Section]:
        for model in self.nets(SWEPT_NETS):
            results, rows, notes = [], [], Notes()
            for density in self.args.densities:
                share = f"{100 * density:.0f} %"
                pair = self.own_pair(model, density)
                r = self.contest(f"{model.stem} at {share}", pair)
                plan = fastinfer.load(pair[0].model, threads=self.args.threads).plan().rows
                sparse = sum(row.algorithm in SPARSE for row in plan)
                rows.append([share, figure(1e3 * r.seconds), str(sparse), ratio(r, DENSE, notes)])
                results.append(r)
            least = min((r.ratios.get(DENSE, math.nan) for r in results), default=math.nan)
            yield (
                f"Densities of {model.stem}",
                [
                    f"Time of our dense path / ours, by share of the weights kept; the least is {figure(least)}. Where "
                    "no layer is taken sparse, both run the same plan.",
                    "",
                    *grid(["density", "fastinfer, ms", "sparse layers", DENSE], rows),
                    *_said(notes),
                ],
            )

    def pointwise(self) -> Iterator[Section]:
        rows = []
        for model in self.nets(("mobilenet_v1",)):
            names = pointwise(model)
            pair = self.own_pair(model, self.args.density)
            sums: dict[str, list[tuple[float, float]]] = {c.name: [] for c in pair}  # of those steps, of all; by round
            with started(Comparison(model.stem, self.args.threads), pair, input_shape(model)) as workers:
                for _ in range(self.args.rounds):
                    for name, worker in workers.items():
                        answer = worker.ask(profile=PROFILED)
                        if "error" in answer:
                            raise SystemExit(f"{model.stem}, {name}: {first_line(answer['error'])}")
                        times = {step["step"]: step["seconds"] for step in answer["steps"]}
                        sums[name].append((sum(times[step] for step in names), sum(times.values())))
            rounds = list(zip(sums[DENSE], sums[OURS], strict=True))
            milliseconds = [figure(1e3 * statistics.median(s for s, _ in sums[name]), 3) for name in (DENSE, OURS)]
            ratios = [figure(statistics.median(dense[i] / own[i] for dense, own in rounds)) for i in (0, 1)]
            kept = f"{model.stem}, {100 * self.args.density:.0f} %"
            rows.append([kept, str(len(names)), *milliseconds, *ratios])
            print(*rows[-1], sep="  ", file=sys.stderr)
        header = ["network", "1x1 convolutions", "dense, ms", "sparse, ms", "dense / sparse", "all steps"]
        yield (
            "Pointwise layers",
            ["Sums of the steps' times in Model.profile, pruned against unpruned.", "", *grid(header, rows)],
        )

    def connected(self) -> Iterator[Section]:
        results, rates = [], []
        f32 = ("onnxruntime", "openvino", "deepsparse")
        int8 = ("onnxruntime dynamic int8", "onnxruntime QDQ int8", "openvino QDQ int8")
        for layer in LAYERS:
            make_connected(layer, self.folder, CODE_BITS)
            coded, pruned, dense = (self.folder / name for name in ("coded.fi", "pruned.onnx", "dense.onnx"))
            ours = Contender(OURS, OURS, coded)
            r = self.contest(
                str(layer),
                [
                    ours,
                    *(Contender(name, name, pruned) for name in f32[:2]),
                    Contender("deepsparse", "deepsparse", dense, {}, FAR),  # which would skip the zeros of the other
                    Contender("deepsparse, pruned", "deepsparse", pruned),
                    Contender(int8[0], "onnxruntime", self.folder / "dynamic.onnx", {}, INT8),
                    Contender(int8[1], "onnxruntime", self.folder / "qdq.onnx", {}, INT8),
                    Contender(int8[2], "openvino", self.folder / "qdq.onnx", {}, INT8),
                ],
            )
            results.append(r)
            with started(Comparison(r.net, self.args.threads), [ours], [1, layer.inputs]) as workers:
                steps = workers[OURS].ask(profile=10 * PROFILED)["steps"]
            step = max(steps, key=lambda s: s["seconds"])
            rates.append([step["kernel"], figure(step["gbytes"], 1), figure(step["gweights"], 1)])
        notes = Notes()
        names = (*f32, *int8, "deepsparse, pruned")
        rows = [[r.net, figure(1e3 * r.seconds, 3), *(ratio(r, name, notes) for name in names)] for r in results]
        best = [[r.net, *(figure(_least(r, group)) for group in (f32, int8))] for r in results]
        yield (
            "Fully connected layers",
            [
                "Inputs x outputs and the share of weights kept; networks of one layer, whose weights stay in cache "
                f"between runs if they fit. fastinfer: a sparse codebook, codes of {CODE_BITS} bits; peers: the same "
                "weights as dense f32 and as dense int8 (deepsparse: the weights before pruning; last column: after).",
                "",
                releases(results),
                "",
                *grid(["layer", "fastinfer, ms", *names], rows),
                "",
                "GB/s: bytes as stored, from Model.profile; weights: those that the kernel reads (coded: all).",
                "",
                *grid(
                    ["layer", "best f32 peer", "best int8 peer", "kernel", "GB/s", "Gweights/s"],
                    [[*left, *right] for left, right in zip(best, rates, strict=True)],
                ),
                *_said(notes),
            ],
        )

    def memory(self) -> Iterator[Section]:
        rows = []
        for model in self.nets(("alexnet",)):
            for huffman in (True, False):
                path = self.folder / f"{model.stem}.fi"
                compress_alexnet(model, path, huffman)
                found = measure(path, self.args.threads, "compressed", self.args.processes)
                sizes = [path.stat().st_size / 2**20, found["peak"], found["steady"], found["packed_bytes"] / 2**20]
                row = [model.stem, "Huffman-coded" if huffman else "codes and gaps", *(figure(s, 1) for s in sizes)]
                rows.append([*row, figure(found["ms"], 0)])
                print(*rows[-1], sep="  ", file=sys.stderr)
        header = [
            "network",
            "file",
            "file, MB",
            "peak, MB",
            "steady, MB",
            "packed weights, MB",
            "load + first answer, ms",
        ]
        yield (
            "Memory",
            [
                'Resident size above what it was after `import numpy`, weights="compressed": the peak, and after a few '
                f"answers; MB of 2^20 bytes. Published densities, codes of {CONVOLUTION_BITS} bits in convolutions and "
                f"{CONNECTED_BITS} in fully connected layers, gaps of {GAP_BITS}.",
                "",
                *grid(header, rows),
            ],
        )


def _least(r: Comparison, peers: tuple[str, ...]) -> float:
    return min((r.ratios[peer] for peer in peers if peer in r.ratios), default=math.nan)


def _said(notes: Notes) -> list[str]:
    return ["", *notes.lines()] if notes.nets else []


PARTS: dict[str, Callable[[Bench], Iterator[Section]]] = {
    "pruned": Bench.pruned,
    "densities": Bench.densities,
    "pointwise": Bench.pointwise,
    "connected": Bench.connected,
    "memory": Bench.memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=Path, required=True, help="a folder of ONNX files")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--only", nargs="*", default=[], help="names of networks, for all parts")
    parser.add_argument("--density", type=float, default=0.1, help="share of the weights kept; not AlexNet's")
    parser.add_argument("--densities", nargs="*", type=float, default=list(DENSITIES), help="of the part of that name")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.15, help="of each engine in each round")
    parser.add_argument("--processes", type=int, default=5, help="of the part memory")
    parser.add_argument("--out", type=Path, help="writes the sections of these parts here too")
    args = parser.parse_args()
    title = (
        f"Time of the other / time of fastinfer (above 1: fastinfer is faster), median of paired rounds; batch 1, f32, "
        f"{args.threads} thread{'s' if args.threads > 1 else ''}, {processor()}. Written by bench/models/compressed.py."
    )
    for part in args.parts:
        with tempfile.TemporaryDirectory() as folder:
            for heading, lines in PARTS[part](Bench(args, Path(folder))):
                print(f"## {heading}", "", *lines, "", sep="\n", flush=True)
                if args.out:  # after each: a long run that is cut short has written what it measured
                    update(args.out, ["# Compressed networks", "", title], heading, lines)


if __name__ == "__main__":
    main()
