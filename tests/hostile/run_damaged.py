"""Loads and runs damaged models, in a process of its own so that a crash is seen.

    python -m hostile.run_damaged NAME ROUNDS

The round stands on standard output before it starts; the last line is a JSON count of how they ended.
"""

from __future__ import annotations

import json
import random
import sys
import warnings
from collections import Counter
from math import prod

import numpy as np

import fastinfer
from fastinfer.errors import FastinferError
from hostile.mutate import change_fields
from hostile.small_models import MODELS

_MEMORY_LIMIT = 1 << 26
_ELEMENTS = 1 << 16  # of an input; larger ones are not run


def run(data: bytes, rng: random.Random) -> str:
    """How it ended: the name of the typed error, or what was done. Anything else escapes."""
    try:
        model = fastinfer.load(data, threads=rng.choice((1, 2)), memory_limit=_MEMORY_LIMIT)
        inputs = {}
        for info in model.inputs:
            declared = (2, 3) if info.shape is None else info.shape
            shape = [size if isinstance(size, int) else 2 for size in declared]
            if prod(shape) > _ELEMENTS or len(shape) > 8:
                return "loaded"
            inputs[info.name] = np.ones(shape, info.dtype)
        model(**inputs)
    except FastinferError as error:
        return type(error).__name__
    return "ran"


def main(name: str, rounds: int) -> None:
    warnings.simplefilter("ignore")
    rng = random.Random(name)
    whole = data = MODELS[name]().SerializeToString()
    seen: Counter[str] = Counter()
    for i in range(rounds):
        damaged = change_fields(data, rng)
        print(i, flush=True)
        ended = run(damaged, rng)
        seen[ended] += 1
        data = damaged if ended == "ran" and rng.random() < 0.7 else whole
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
