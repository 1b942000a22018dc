"""Thousands of damaged files: each is read, or refused with an error of fastinfer's; nothing else ever comes out."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from assets import DATA, require
from effort import rounds
from fastinfer.errors import FastinferError
from fastinfer.file import open_model
from hostile.mutate import MUTATIONS, change_fields
from hostile.small_models import MODELS

_ROUNDS = {"change_fields": 1200, "flip_bits": 500, "set_bytes": 300, "truncate": 150, "splice": 150}


@pytest.mark.parametrize("name", MODELS)
def test_the_models_are_valid(name: str) -> None:
    assert open_model(MODELS[name]().SerializeToString()).graph.nodes


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("name", MODELS)
def test_damaged_models(name: str, mutation: str) -> None:
    data = MODELS[name]().SerializeToString()
    rng = random.Random(f"{name} {mutation}")
    seen: Counter[str] = Counter()
    for i in range(rounds(_ROUNDS[mutation])):
        damaged = MUTATIONS[mutation](data, rng)
        try:
            open_model(damaged)
            seen["read"] += 1
        except FastinferError as error:
            seen[type(error).__name__] += 1
            if error.reason.startswith("malformed"):  # the door's last resort: no check of the reader's saw it
                pytest.fail(f"round {i}: {error}")
        except BaseException as error:
            pytest.fail(f"round {i}: {type(error).__name__}: {error}")
    if mutation == "change_fields":  # the deep checks are reached, and some changes do no harm
        assert len(seen) > 6
        assert seen["read"]


def test_damage_upon_damage() -> None:
    """A file damaged again and again, as long as it can be read."""
    rng = random.Random(2)
    for name in MODELS:
        whole = data = MODELS[name]().SerializeToString()
        for _ in range(rounds(300)):
            damaged = change_fields(data, rng)
            try:
                open_model(damaged)
                data = damaged
            except FastinferError:
                data = whole if rng.random() < 0.1 else data


def test_damaged_deep_compression() -> None:
    data = require(DATA / "squeezenet_deepcompression" / "compressed_SqueezeNet.net").read_bytes()
    rng = random.Random(3)
    for i in range(250):
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 4, 100))):
            at = rng.choice((rng.randrange(104), rng.randrange(len(data))))
            damaged[at] = rng.randrange(256)
        cut = rng.choice((len(data), len(data), rng.randrange(len(data))))
        try:
            weights = open_model(bytes(damaged[:cut])).graph.weights
        except FastinferError:
            continue
        if i % 20 == 0:  # what is read can be decoded: no position lies outside
            for weight in weights.values():
                assert weight.dense().shape == weight.shape
