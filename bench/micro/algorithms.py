"""Every layer of the networks in bench/shapes by every algorithm that may be taken for it, as shares of the peak.

    python bench/micro/algorithms.py [--nets resnet50 ...] [--threads 1] [--out bench/results]

A layer (convolution, bias, ReLU) runs as in a network, its input in the cache and its weights not (timing.py).
Algorithms take turns, and what counts is the median. The share is multiply-accumulates of the direct convolution over
time, against a loop of nothing but multiply-accumulates on the same cores: Winograd and FFT, which need fewer, may pass
100 %.

Fully connected layers of a few rows are bound by bandwidth: theirs is the share of a loop that reads a buffer of the
weights' size, by turns with the layer, the fastest of each turn.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from layers import SHAPES, Convolution, convolutions, products
from timing import NetworkRunner, by_turns, read_share

from fastinfer import _core

FAR = 1.6  # so many times the fastest after the first rounds, and an algorithm is timed no more
FIRST_ROUNDS, ROUNDS = 3, 12
BATCHES = (1, 4)  # of fully connected layers


@dataclass(slots=True)
class Timed:
    """One layer: medians in seconds, by algorithm."""

    layer: Convolution
    taken: str  # by the cost model
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def best(self) -> str:
        return min(self.seconds, key=lambda name: self.seconds[name])

    @property
    def loss(self) -> float:
        """How many times longer the one that is taken takes than the best."""
        return self.seconds[self.taken] / self.seconds[self.best]


def time_layer(layer: Convolution, threads: int) -> Timed:
    """All algorithms of one layer by turns."""
    model = layer.model(twin=True)
    chosen = NetworkRunner(layer, threads, model=model)
    timed = Timed(layer, chosen.row.algorithm)
    others = [name for name in chosen.row.candidates if name != timed.taken]
    runners = {name: NetworkRunner(layer, threads, name, model=model) for name in others}
    runners[timed.taken] = chosen
    times: dict[str, list[float]] = {name: [] for name in runners}
    for rounds in (FIRST_ROUNDS, ROUNDS):
        for name, found in by_turns(runners, rounds).items():
            times[name] += found
        least = min(statistics.median(found) for found in times.values())
        runners = {n: r for n, r in runners.items() if statistics.median(times[n]) <= FAR * least or n == timed.taken}
    timed.seconds = {name: statistics.median(found) for name, found in times.items()}
    return timed


def time_layers(nets: Sequence[str], threads: int, texts: Sequence[str] = ()) -> Iterator[tuple[str, Timed]]:
    """(network, layer) of all networks, or of those layers that contain one of the texts; a shape that two share is
    timed once."""
    known: dict[Convolution, Timed] = {}
    for net, layers in convolutions(nets).items():
        for layer in layers:
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


def product_table(net: str, threads: int) -> str:
    """Markdown of a network's fully connected layers; empty if it has none."""
    by_batch = [products([net], batch).get(net, []) for batch in BATCHES]
    if not by_batch[0]:
        return ""
    lines = [
        "Fully connected layers: share (%) of a loop that reads as many bytes as the weights have.",
        "",
        "| layer | " + " | ".join(f"batch {batch}" for batch in BATCHES) + " |",
        "|---|" + "---|" * len(BATCHES),
    ]
    for layers in zip(*by_batch, strict=True):
        shares = [f"{100 * read_share(layer, threads, ROUNDS):.0f}" for layer in layers]
        lines.append(f"| {layers[0].inputs}->{layers[0].outputs} | " + " | ".join(shares) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", default=[], help=f"names of files in {SHAPES.name}; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a folder to write a table for each network to, too")
    args = parser.parse_args()
    peak = _core.measure_peak("fma", threads=args.threads, seconds=0.3)
    found: dict[str, list[Timed]] = {}
    for net, timed in time_layers(args.nets, args.threads):
        print(f"{net}: {timed.layer}", file=sys.stderr)
        found.setdefault(net, []).append(timed)
    for net, rows in found.items():
        text = "\n".join(filter(None, [table(rows, args.threads, peak), product_table(net, args.threads)]))
        print(f"{net}\n\n{text}")
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / f"{net}.md").write_text(f"# {net}\n\n{text}")


if __name__ == "__main__":
    main()
