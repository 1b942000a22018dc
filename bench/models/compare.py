"""Whole networks beside the peers: interleaved, paired, one process per engine.

    python bench/models/environments.py     (once, for the peers that want an environment of their own)
    python bench/models/compare.py --nets DIR [--threads 1 2] [--only mobilenet_v2 ...] [--out bench/results/models.md]

DIR holds ONNX files with one image input. In each round every engine runs in turn for a moment, so that a drift of the
machine's speed meets all of them; a ratio is the median over the rounds of (peer's median time / our median time), so
above 1 fastinfer is the faster one. Answers are compared too: an engine that computes something else is marked, and one
that is not installed or cannot run a network is named below the table.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from engines import ENGINES
from environments import QUIET, cache_folder, how_to_install, python_of

HERE = Path(__file__).resolve().parent
OURS = "fastinfer"


class Worker:
    """An engine's process (worker.py)."""

    def __init__(self, engine: str) -> None:
        python = python_of(engine)
        assert python is not None
        self.process = subprocess.Popen(
            [str(python), str(HERE / "worker.py"), engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **QUIET, "FASTINFER_CACHE": str(cache_folder())},
        )

    def ask(self, **command: Any) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return dict(json.loads(line)) if line else {"error": f"the process ended with {self.process.wait()}"}

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


@dataclass
class Comparison:
    """One network at one number of threads."""

    net: str
    threads: int
    ratios: dict[str, float] = field(default_factory=dict)  # peer -> its time / ours
    notes: list[str] = field(default_factory=list)

    @property
    def best_peer(self) -> float:
        return min(self.ratios.values(), default=math.nan)


def input_shape(model: Path) -> list[int]:
    """The shape of the network's input, batch 1."""
    import onnx

    graph = onnx.load(model, load_external_data=False).graph
    weights = {w.name for w in graph.initializer}
    (value,) = [v for v in graph.input if v.name not in weights]
    return [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]


def has_file_for(engine: str, model: Path) -> bool:
    """LiteRT reads no ONNX: it runs the network's TFLite twin, where there is one."""
    return engine != "litert" or model.with_suffix(".tflite").exists()


def start(model: Path, engines: Sequence[str], threads: int, folder: str, notes: list[str]) -> dict[str, Worker]:
    """The workers of the engines that can load the network; the others leave a note."""
    workers: dict[str, Worker] = {}
    shape = input_shape(model)
    answers: dict[str, np.ndarray[Any, Any]] = {}
    for name in engines:
        if not has_file_for(name, model):
            continue
        worker = Worker(name)
        path = f"{folder}/{name}.npy"
        answer = worker.ask(load=str(model.resolve()), shape=shape, threads=threads, y=path)
        if "error" in answer:
            notes.append(f"{name}: {answer['error'].splitlines()[0][:120]}")
            worker.close()
        else:
            workers[name] = worker
            answers[name] = np.load(path)
    ours = answers.get(OURS)
    for name, y in answers.items():
        if ours is not None:
            error = float(np.abs(y.reshape(ours.shape) - ours).max() / np.abs(ours).max())
            if not error <= 1e-3:
                notes.append(f"{name}: answers differ by {error:.1e} of the largest")
    return workers


def compare(model: Path, engines: Sequence[str], threads: int, rounds: int, seconds: float) -> Comparison:
    result = Comparison(model.stem, threads)
    with tempfile.TemporaryDirectory() as folder:
        workers = start(model, engines, threads, folder, result.notes)
    try:
        if OURS not in workers:
            return result
        medians: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(rounds):
            for name in list(medians):
                answer = workers[name].ask(time=seconds)
                if "times" in answer:
                    medians[name].append(statistics.median(answer["times"]))
                else:
                    result.notes.append(f"{name}: {answer['error'].splitlines()[0][:120]}")
                    del medians[name]
        for name in medians if OURS in medians else ():
            if name != OURS:
                pairs = zip(medians[name], medians[OURS], strict=True)
                result.ratios[name] = statistics.median(peer / ours for peer, ours in pairs)
    finally:
        for worker in workers.values():
            worker.close()
    return result


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values))) if values else math.nan


def markdown(results: Sequence[Comparison], engines: Sequence[str], missing: Mapping[str, str]) -> str:
    peers = [e for e in engines if e != OURS]
    meaning = "Time of the peer / time of fastinfer (above 1: fastinfer is faster), median of paired rounds"
    lines = [
        f"{meaning}; batch 1, f32, {platform.machine()}.",
        "",
        "| network | threads | " + " | ".join(peers) + " | best peer |",
        "|---|---|" + "---|" * (len(peers) + 1),
    ]
    for r in results:
        cells = [f"{r.ratios[p]:.2f}" if p in r.ratios else "-" for p in peers]
        lines.append(f"| {r.net} | {r.threads} | " + " | ".join(cells) + f" | {r.best_peer:.2f} |")
    for threads in sorted({r.threads for r in results}):
        rows = [r for r in results if r.threads == threads and r.ratios]
        means = [geometric_mean([r.ratios[p] for r in rows if p in r.ratios]) for p in peers]
        cells = [f"{m:.2f}" for m in (*means, geometric_mean([r.best_peer for r in rows]))]
        lines.append(f"| **geometric mean** | {threads} | " + " | ".join(cells) + " |")
    notes = [f"- {name} is left out: {reason}" for name, reason in missing.items()]
    notes += [f"- {r.net}, {r.threads} threads: {note}" for r in results for note in r.notes]
    return "\n".join(lines + (["", *notes] if notes else [])) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=Path, required=True, help="a folder of ONNX files")
    parser.add_argument("--only", nargs="*", default=[], help="names of networks; all by default")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.15, help="of each engine in each round")
    parser.add_argument("--out", type=Path, help="writes the Markdown table here too")
    args = parser.parse_args()
    models = sorted(p for p in args.nets.glob("*.onnx") if "." not in p.stem and (not args.only or p.stem in args.only))
    missing = {e: f"not installed; {how_to_install(e)}" for e in args.engines if python_of(e) is None}
    if "litert" in args.engines and not any(has_file_for("litert", model) for model in models):
        missing["litert"] = "no network has a TFLite twin"
    for name, reason in missing.items():
        print(f"{name} is left out: {reason}", file=sys.stderr)
    engines = [OURS, *(e for e in args.engines if e != OURS and e not in missing)]
    results = []
    for threads in args.threads:
        for model in models:
            r = compare(model, engines, threads, args.rounds, args.seconds)
            results.append(r)
            ratios = "  ".join(f"{peer} {ratio:.2f}" for peer, ratio in r.ratios.items())
            print(f"{r.net:22} {threads} threads  {ratios}", *r.notes, file=sys.stderr)
    table = markdown(results, engines, missing)
    print(table)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(table)


if __name__ == "__main__":
    main()
