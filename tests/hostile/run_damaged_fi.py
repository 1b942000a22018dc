"""Reads damaged `.fi` files, in a process of its own so that a crash is seen, under a limit of memory and of time.

    python -m hostile.run_damaged_fi FIRST ROUNDS

Round i is a mutation by seed i. The last line is a JSON count of how they ended. A file may take ten times its bytes
and 64 MiB, the stated bound of reading with room for the allocator; beyond that, or after 10 s of CPU time, it ends.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import sys
import warnings
from collections import Counter

import numpy as np

import fastinfer
from fastinfer.errors import FastinferError
from fastinfer.file import open_model
from hostile.mutate_fi import FILES, mutation

_ROOM = 64 << 20
_SECONDS = 10
_DECODED = 10  # every so manieth file that is read is decoded too, and runs


def limit_memory(data_bytes: int) -> None:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 10 * data_bytes + _ROOM, resource.RLIM_INFINITY))


def read(data: bytes, run: bool) -> str:
    """How it ended: the name of the typed error, or what was done. Anything else escapes."""
    try:
        graph = open_model(data).graph
        if not run:
            return "read"
        for weight in graph.weights.values():
            assert weight.dense().shape == weight.shape
        model = fastinfer.load(data, threads=1, memory_limit=1 << 22)
        (info,) = model.inputs
        model(np.ones([n if isinstance(n, int) and 0 < n < 100 else 2 for n in info.shape or (2, 3)], info.dtype))
        return "ran"
    except FastinferError as error:
        if error.reason.startswith("malformed"):  # the door's last resort: no check of the reader's saw it
            raise AssertionError(str(error)) from error
        return type(error).__name__


def main(first: int, rounds: int) -> None:
    warnings.simplefilter("ignore")
    for file in FILES.values():
        read(file, run=True)
    limit_memory(max(map(len, FILES.values())))
    seen: Counter[str] = Counter()
    files = list(FILES.values())
    for i in range(first, first + rounds):
        rng = random.Random(i)
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        try:
            seen[read(mutation(rng.choice(files), rng), run=i % _DECODED == 0)] += 1
        except BaseException:
            print(f"round {i}", flush=True)
            raise
    print(json.dumps(seen))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
