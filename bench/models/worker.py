"""One engine in a process of its own: reads commands on standard input, answers one JSON line to each.

{"load": model, "shape": [...], "threads": n, "y": path}  ->  {"version": ...}, the answer saved there (.npy)
   (and "options": {...} of the engine's constructor)
{"time": seconds}                                         ->  {"times": seconds of each run, for about that long}
{"profile": runs}                                         ->  {"steps": [rows of fastinfer's Model.profile]}
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
from engines import ENGINES, Engine, FastinferEngine

DISTRIBUTIONS = {"litert": "ai-edge-litert"}  # where the engine's name is not its package's


def version(engine: str) -> str:
    try:
        return installed_version(DISTRIBUTIONS.get(engine, engine))
    except PackageNotFoundError:  # found through PYTHONPATH
        return "of this checkout"


def load(name: str, command: dict[str, Any]) -> Engine:
    """Pins the process to as many processors as threads, loads, keeps the answer for comparison, and warms up."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: command["threads"]])
    x = np.random.default_rng(0).standard_normal(command["shape"], dtype=np.float32)
    engine = ENGINES[name](Path(command["load"]), x, command["threads"], **command.get("options", {}))
    np.save(command["y"], engine.run())
    for _ in range(3):
        engine.run()
    return engine


def timed(engine: Engine, seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        engine.run()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    answer_stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever an engine prints must not be read as an answer
    engine: Engine | None = None
    for line in sys.stdin:
        command = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            if "load" in command:
                engine = load(sys.argv[1], command)
                answer["version"] = version(sys.argv[1])
            elif "profile" in command and isinstance(engine, FastinferEngine):
                answer["steps"] = engine.profile(command["profile"])
            elif engine is not None:
                answer["times"] = timed(engine, command["time"])
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(answer), file=answer_stream, flush=True)


if __name__ == "__main__":
    main()
