"""Whole networks beside the peers: interleaved, paired, one process per engine.

    python bench/models/environments.py     (once, for the peers that want an environment of their own)
    python bench/models/compare.py --nets DIR [--threads 1 2] [--only mobilenet_v2 ...] [--out bench/results/models.md]

DIR holds ONNX files with one image input. In each round every engine runs in turn for a moment, so that a drift of the
machine's speed meets all of them; a ratio is the median over the rounds of (peer's median time / our median time), so
above 1 fastinfer is the faster one. Answers are compared too: an engine that computes something else is marked, and one
that is not installed or cannot run a network is named below the table (table.py), with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from engines import ENGINES
from environments import QUIET, cache_folder, how_to_install, python_of
from table import OURS, Comparison, markdown

HERE = Path(__file__).resolve().parent
FAILURE = re.compile(r"assert|error|fatal|abort|not supported", re.IGNORECASE)  # in what an engine prints


class Worker:
    """An engine's process (worker.py)."""

    def __init__(self, engine: str) -> None:
        python = python_of(engine)
        assert python is not None
        self.said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed in close)
        self.process = subprocess.Popen(
            [str(python), str(HERE / "worker.py"), engine],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.said,
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
        return dict(json.loads(line)) if line else {"error": self._last_words()}

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        self.said.close()

    def _last_words(self) -> str:
        """How the process ended, and the first line that names a failure."""
        code = self.process.wait()
        self.said.seek(0)
        lines = [line.strip() for line in self.said if FAILURE.search(line)]
        how = f"its process was killed by signal {-code}" if code < 0 else f"its process ended with {code}"
        return f"{how}: {lines[0]}" if lines else how


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


def first_line(error: str) -> str:
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return lines[0][:160] if lines else "no reason given"


def start(model: Path, engines: Sequence[str], result: Comparison, folder: str) -> dict[str, Worker]:
    """The workers of the engines that can load and run the network; the others leave a remark."""
    workers: dict[str, Worker] = {}
    shape = input_shape(model)
    answers: dict[str, np.ndarray[Any, Any]] = {}
    for name in engines:
        if not has_file_for(name, model):
            result.remarks[name] = "there is no TFLite twin of the network"
            continue
        worker = Worker(name)
        path = f"{folder}/{name}.npy"
        answer = worker.ask(load=str(model.resolve()), shape=shape, threads=result.threads, y=path)
        if "error" in answer:
            result.remarks[name] = f"cannot run it: {first_line(answer['error'])}"
            worker.close()
        else:
            workers[name] = worker
            answers[name] = np.load(path)
            result.versions[name] = answer["version"]
    ours = answers.get(OURS)
    for name, y in answers.items():
        if ours is not None:
            error = float(np.abs(y.reshape(ours.shape) - ours).max() / np.abs(ours).max())
            if not error <= 1e-3:
                result.remarks[name] = f"its answer differs by {error:.1e} of the largest"
    return workers


def compare(model: Path, engines: Sequence[str], threads: int, rounds: int, seconds: float) -> Comparison:
    result = Comparison(model.stem, threads)
    with tempfile.TemporaryDirectory() as folder:
        workers = start(model, engines, result, folder)
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
                    result.remarks[name] = f"stopped: {first_line(answer['error'])}"
                    del medians[name]
        ours = medians.pop(OURS, [])
        if ours:
            result.seconds = statistics.median(ours)
            for name, times in medians.items():
                result.ratios[name] = statistics.median(peer / own for peer, own in zip(times, ours, strict=True))
    finally:
        for worker in workers.values():
            worker.close()
    return result


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
    left_out = {e: f"not installed; {how_to_install(e)}" for e in args.engines if python_of(e) is None}
    if "litert" in args.engines and not any(has_file_for("litert", model) for model in models):
        left_out["litert"] = "no network has a TFLite twin"
    for name, reason in left_out.items():
        print(f"{name} is left out: {reason}", file=sys.stderr)
    engines = [OURS, *(e for e in args.engines if e != OURS and e not in left_out)]
    results: list[Comparison] = []
    for threads in args.threads:
        for model in models:
            r = compare(model, engines, threads, args.rounds, args.seconds)
            results.append(r)
            ratios = "  ".join(f"{peer} {ratio:.2f}" for peer, ratio in r.ratios.items())
            remarks = (f"{engine}: {remark}" for engine, remark in r.remarks.items())
            print(f"{r.net:22} {threads} threads  {ratios}", *remarks, sep="\n  ", file=sys.stderr)
            if args.out:  # after each network: a long run that is cut short has written what it measured
                args.out.parent.mkdir(parents=True, exist_ok=True)
                args.out.write_text(markdown(results, engines, left_out))
    print(markdown(results, engines, left_out))


if __name__ == "__main__":
    main()
