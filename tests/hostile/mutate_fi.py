"""Mutations of `.fi` files: of raw bytes, of the data with its checksums kept right, and of the header's JSON."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from fastinfer.compress.codebook import share_weights
from fastinfer.file.fi import fi_bytes
from hostile.fi_models import every_form, join, split

_VALUES = (None, 0, 1, -1, 3, 8, 2**31, 2**63, 10**30, 0.5, "", "x", "f32", True, [], [1], {}, {"a": 1})


def _with_codes() -> bytes:
    """The model of every form, two of its weights large enough that Huffman codes gain."""
    graph = every_form()
    rng = np.random.default_rng(0)
    for name, shape in (("sparse codebook 5 5 weight", (64, 12, 1, 1)), ("sparse codebook 3 4 weight", (96, 12, 3, 3))):
        array = rng.standard_normal(shape) ** 3 * (rng.random(shape) < 0.3)
        graph.weights[name] = share_weights(array.astype(np.float32), 5, 5, True)
    return fi_bytes(graph)


FILES = {"every form": fi_bytes(every_form()), "Huffman-coded": _with_codes()}


def mutation(file: bytes, rng: random.Random) -> bytes:
    """The file with one to four bytes changed and perhaps cut off, or with one place of its JSON changed."""
    header, metadata, data = split(file)
    kind = rng.randrange(4)
    changed = bytearray(data if kind else file)
    if kind in (0, 1):
        for _ in range(rng.choice((1, 1, 4))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    if kind == 0:
        return bytes(changed[: rng.choice((len(changed), len(changed), rng.randrange(len(changed))))])
    try:
        if kind == 2:
            metadata = _mutate_json(metadata, rng)
        elif kind == 3:
            _mutate_json(header, rng)
        return join(header, metadata, bytes(changed))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # no checksum can be made right
        return join(header if isinstance(header, dict) else {}, metadata, bytes(changed), checksums=False)


def _mutate_json(value: Any, rng: random.Random) -> Any:
    """One place of a JSON value changed."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if rng.random() < 0.1:
            value.pop(key)
        else:
            value[key] = _mutate_json(value[key], rng)
        return value
    return rng.choice(_VALUES)
