"""Damaged `.fi` files: each gets one typed error that names tensor and reason; of thousands none crashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from effort import rounds
from fastinfer.errors import FastinferError, FileFormatError, TensorSizeError, TruncatedFileError
from fastinfer.file import open_model
from hostile.fi_models import join, split
from hostile.mutate_fi import FILES

FILE = FILES["every form"]
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


def unaligned(header: dict[str, Any], metadata: dict[str, Any], data: bytearray) -> None:
    """A tensor of one byte before all others."""
    rest = dict(header)
    header.clear()
    header["one byte"] = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
    header.update(rest)
    for name in rest.keys() - {"__metadata__"}:
        header[name]["data_offsets"] = [n + 1 for n in header[name]["data_offsets"]]
    metadata["weights"].insert(0, [0])
    data.insert(0, 0)


CHANGES: dict[str, tuple[Change, type[FastinferError], str, str | None]] = {
    "newer": (lambda h, m, d: m.update(version=2), FileFormatError, "format version 2", None),
    "no version": (lambda h, m, d: m.pop("version"), FileFormatError, "no format version", None),
    "overlap": (overlap, FileFormatError, "overlaps", "weight"),
    "unaligned": (unaligned, FileFormatError, "unaligned to 8 bytes", "bf16"),
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


def test_checksums_name_the_tensor() -> None:
    header, metadata, data = split(FILE)
    for name, tensor in header.items():
        if name != "__metadata__":
            changed = bytearray(data)
            changed[tensor["data_offsets"][0]] ^= 1
            caught = refused(join(header, metadata, bytes(changed), checksums=False), FileFormatError, "checksum")
            assert caught.tensor == name


CODED = "sparse codebook 3 4 weight"
TABLE = 128  # where its codes begin, behind 32 values: 32 lengths of 4 bits, 4 sizes of 4 bytes, then the streams
HUFFMAN: dict[str, tuple[Change, str]] = {
    "no prefix code": (lambda h, m, d: put(h, d, CODED, TABLE, b"\x11" * 16), "prefix code"),
    "incomplete code": (lambda h, m, d: put(h, d, CODED, TABLE, b"\xcc" * 16), "prefix code"),
    "no lengths": (lambda h, m, d: put(h, d, CODED, TABLE, bytes(16)), "prefix code"),
    "sizes of streams": (lambda h, m, d: put(h, d, CODED, TABLE + 16, b"\xff\xff"), "part codes: malformed Huffman"),
    "fewer symbols": (
        lambda h, m, d: record(h, m, CODED)[3].__setitem__(2, record(h, m, CODED)[3][2] - 8), "part codes"
    ),
    "more symbols": (
        lambda h, m, d: record(h, m, CODED)[3].__setitem__(2, record(h, m, CODED)[3][2] + 8), "part codes"
    ),
    "many symbols": (lambda h, m, d: record(h, m, CODED)[3].__setitem__(2, 2**39), "part codes"),
    "codes that are none": (lambda h, m, d: record(h, m, CODED)[4][0].__setitem__(3, 1), "cannot be Huffman-coded"),
    "gaps past the end": (lambda h, m, d: record(h, m, CODED)[2].__setitem__(0, 95), "the last stored entry lies at"),
    "part too long": (lambda h, m, d: record(h, m, CODED)[4][2].__setitem__(2, 2**20), "part gaps ends at byte"),
}  # fmt: skip


@pytest.mark.parametrize("name", HUFFMAN)
def test_huffman_attack(name: str) -> None:
    change, reason = HUFFMAN[name]
    header, metadata, data = split(FILES["Huffman-coded"])
    changed = bytearray(data)
    change(header, metadata, changed)
    assert refused(join(header, metadata, bytes(changed)), FileFormatError, reason).tensor == CODED


ROUNDS = rounds(6000)
TESTS = Path(__file__).resolve().parent.parent


def test_mutations() -> None:
    """A share of the 100,000 mutations that were tried: an answer or a typed error, within memory and time."""
    path = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "hostile.run_damaged_fi", "0", str(ROUNDS)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}: {done.stderr[-2000:]}"
    seen = json.loads(done.stdout.splitlines()[-1])
    assert sum(seen.values()) == ROUNDS
    assert seen["read"] > ROUNDS / 6
    assert seen["ran"] > ROUNDS / 200
    assert len(seen) > 5
