"""Engines by turns: a process each (worker.py), paired rounds, answers compared with the first one's.

Turns of several threads that had not as many cores are taken again (cores.py).
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from environments import QUIET, cache_folder, python_of
from table import Comparison

sys.path.append(str(Path(__file__).resolve().parent.parent))
from cores import on_cores

HERE = Path(__file__).resolve().parent
FAILURE = re.compile(r"assert|error|fatal|abort|not supported", re.IGNORECASE)  # in what an engine prints


@dataclass(frozen=True)
class Contender:
    """An engine with a file. name: what the table calls it; options: of the engine's constructor (engines.py);
    tolerance: how far its answer may be from the first contender's, in parts of the largest (infinite: any)."""

    name: str
    engine: str
    model: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-3


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


def first_line(error: str) -> str:
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return lines[0][:160] if lines else "no reason given"


@contextmanager
def started(result: Comparison, contenders: Sequence[Contender], shape: Sequence[int]) -> Iterator[dict[str, Worker]]:
    """The workers of the contenders that can load and run their files; the others leave a remark."""
    workers: dict[str, Worker] = {}
    answers: dict[str, np.ndarray[Any, Any]] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            for i, c in enumerate(contenders):
                worker = workers[c.name] = Worker(c.engine)
                y = f"{folder}/{i}.npy"
                model, options = str(c.model.resolve()), dict(c.options)
                answer = worker.ask(load=model, shape=list(shape), threads=result.threads, options=options, y=y)
                if "error" in answer:
                    result.remarks[c.name] = f"cannot run it: {first_line(answer['error'])}"
                    workers.pop(c.name).close()
                else:
                    answers[c.name] = np.load(y)
                    result.versions[c.engine] = answer["version"]
        first = answers.get(contenders[0].name)
        for c in contenders:
            if first is not None and c.name in answers:
                error = float(np.abs(answers[c.name].reshape(first.shape) - first).max() / np.abs(first).max())
                if not error <= c.tolerance:
                    result.remarks[c.name] = f"its answer differs by {error:.1e} of the largest"
        yield workers
    finally:
        for worker in workers.values():
            worker.close()


def contest(
    result: Comparison, contenders: Sequence[Contender], shape: Sequence[int], rounds: int, seconds: float
) -> None:
    """Times all by turns, each for so many seconds a round; ratios are to the first contender."""
    own = contenders[0].name
    with started(result, contenders, shape) as workers:
        if own not in workers:
            return
        medians: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(rounds):
            for name in list(medians):
                answer = on_cores(result.threads, lambda worker=workers[name]: worker.ask(time=seconds))
                if "times" in answer:
                    medians[name].append(statistics.median(answer["times"]))
                else:
                    result.remarks[name] = f"stopped: {first_line(answer['error'])}"
                    del medians[name]
    ours = medians.pop(own, [])
    if ours:
        result.seconds = statistics.median(ours)
        for name, times in medians.items():
            result.ratios[name] = statistics.median(peer / mine for peer, mine in zip(times, ours, strict=True))
