"""Damaged `.fi` files: each gets one typed error that names tensor and reason; of thousands none crashes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from fastinfer.errors import FastinferError, FileFormatError, TensorSizeError, TruncatedFileError
from fastinfer.file import open_model
from fastinfer.file.fi import fi_bytes
from hostile.fi_models import every_form, join, split

FILE = fi_bytes(every_form())
CODED = "sparse codebook 8 4 weight"  # Huffman-coded where that gains
SPARSE = "sparse codebook 5 5 weight"
Change = Callable[[dict[str, Any], dict[str, Any], bytearray], object]


def record(header: dict[str, Any], metadata: dict[str, Any], name: str) -> Any:
    """[crc32, form, shape, numbers, parts]"""
    return metadata["weights"][[key for key in header if key != "__metadata__"].index(name)]


def put(header: dict[str, Any], data: bytearray, name: str, at: int, new: bytes) -> None:
    begin = header[name]["data_offsets"][0] + at
    data[begin : begin + len(new)] = new


def overlap(header: dict[str, Any], metadata: dict[str, Any], data: bytearray) -> None:
    _, second, *_ = [name for name in header if name != "__metadata__"]
    header[second]["data_offsets"][0] -= 8


CHANGES: dict[str, tuple[Change, type[FastinferError], str, str | None]] = {
    "newer": (lambda h, m, d: m.update(version=2), FileFormatError, "format version 2", None),
    "no version": (lambda h, m, d: m.pop("version"), FileFormatError, "no format version", None),
    "overlap": (overlap, FileFormatError, "overlaps", "weight"),
    "hole": (lambda h, m, d: h.pop(SPARSE), FileFormatError, "leaves a hole", "weight"),
    "more data": (lambda h, m, d: d.extend(b"12345678"), FileFormatError, "follow the last tensor", None),
    "less data": (lambda h, m, d: d.pop(), TruncatedFileError, "lies at bytes", "weight"),
    "fewer records": (lambda h, m, d: m["weights"].pop(), FileFormatError, "list of weights", None),
    "past the end": (
        lambda h, m, d: put(h, d, SPARSE, 128 + 8, b"\xff"), FileFormatError, "of 96", SPARSE
    ),
    "codes past the codebook": (
        lambda h, m, d: put(h, d, "codebook 3 weight", 32, b"\xff"), FileFormatError, "past the codebook", "codebook 3"
    ),
    "wrong count": (
        lambda h, m, d: record(h, m, SPARSE)[3].__setitem__(2, 99), FileFormatError, "entries of 5 bits", SPARSE
    ),
    "huge count": (
        lambda h, m, d: record(h, m, SPARSE)[3].__setitem__(2, 2**70), FileFormatError, "out of range", SPARSE
    ),
    "bomb": (
        lambda h, m, d: record(h, m, SPARSE)[2].__setitem__(0, 2**30), TensorSizeError, "decompression bomb", SPARSE
    ),
    "columns": (
        lambda h, m, d: put(h, d, "csr weight", 40, b"\xff\xff"), FileFormatError, "column 65535 of 12", "csr weight"
    ),
    "form": (lambda h, m, d: record(h, m, SPARSE).__setitem__(1, "magic"), FileFormatError, "weight form", SPARSE),
    "dtype": (lambda h, m, d: h[SPARSE].update(dtype="F8"), FileFormatError, "unknown dtype", SPARSE),
    "shape": (lambda h, m, d: h["dense f32 weight"].update(shape=[7]), TensorSizeError, "takes 28 bytes", "dense f32"),
    "operator": (lambda h, m, d: m["nodes"][0].__setitem__(0, "If"), FastinferError, "no operator If", None),
}  # fmt: skip


def refused(data: bytes, error: type[FastinferError], reason: str) -> FastinferError:
    with pytest.raises(error) as caught:
        open_model(data)
    assert reason in str(caught.value)
    assert not caught.value.reason.startswith("malformed:")  # a check saw it, not the last resort
    return caught.value


@pytest.mark.parametrize("name", CHANGES)
def test_attack(name: str) -> None:
    change, error, reason, tensor = CHANGES[name]
    header, metadata, data = split(FILE)
    changed = bytearray(data)
    change(header, metadata, changed)
    caught = refused(join(header, metadata, bytes(changed)), error, reason)
    assert tensor is None or tensor in str(caught.tensor)


def test_the_container() -> None:
    header, _, data = split(FILE)
    refused((2**40).to_bytes(8, "little") + FILE[8:], FileFormatError, "at most")
    refused(FILE[:100], TruncatedFileError, "the header takes")
    refused(int.to_bytes(int.from_bytes(FILE[:8], "little") + 4, 8, "little") + FILE[8:], FileFormatError, "unaligned")
    refused(FILE[:-1] + bytes([FILE[-1] ^ 1]), FileFormatError, "checksum mismatch")
    twice = b'{"a":1,"a":2}' + b" " * 3
    refused(len(twice).to_bytes(8, "little") + twice, FileFormatError, "stands twice")
    deep = b'{"a":' + b"[" * 99995 + b" " * 4
    refused((len(deep) // 8 * 8).to_bytes(8, "little") + deep, FileFormatError, "no JSON")
    del header["__metadata__"]
    refused(join(header, {"weights": []}, data), FileFormatError, "version")


def test_bad_huffman_tables() -> None:
    header, metadata, data = split(FILE)
    found = record(header, metadata, CODED)
    assert open_model(FILE).graph.weights[CODED].form == "sparse_codebook"
    found[4][2][3] = 1  # its gaps, said to be coded: their bytes are no code
    refused(join(header, metadata, data), FileFormatError, "part gaps: malformed Huffman code")


def mutate_json(value: Any, rng: random.Random) -> Any:
    """One place of a JSON value changed."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if rng.random() < 0.1:
            value.pop(key)
        else:
            value[key] = mutate_json(value[key], rng)
        return value
    return rng.choice((None, 0, 1, -1, 3, 8, 2**31, 2**63, 10**30, 0.5, "", "x", "f32", True, [], [1], {}, {"a": 1}))


def mutation(rng: random.Random) -> bytes:
    header, metadata, data = split(FILE)
    kind = rng.randrange(4)
    changed = bytearray(data if kind else FILE)
    if kind in (0, 1):
        for _ in range(rng.choice((1, 1, 4))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    if kind == 0:
        return bytes(changed[: rng.choice((len(changed), len(changed), rng.randrange(len(changed))))])
    try:
        if kind == 2:
            metadata = mutate_json(metadata, rng)
        elif kind == 3:
            mutate_json(header, rng)
        return join(header, metadata, bytes(changed))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # no checksum can be made right
        return join(header if isinstance(header, dict) else {}, metadata, bytes(changed), checksums=False)


def test_mutations() -> None:
    rng = random.Random(4)
    seen: Counter[str] = Counter()
    for i in range(2000):
        data = mutation(rng)
        try:
            graph = open_model(data).graph
            seen["read"] += 1
            if i % 10 == 0:  # what is read can be decoded
                for weight in graph.weights.values():
                    assert weight.dense().shape == weight.shape
        except FastinferError as error:
            seen[type(error).__name__] += 1
            if error.reason.startswith("malformed:"):
                pytest.fail(f"round {i}: {error}")
    assert seen["read"] > 50
    assert len(seen) > 5
