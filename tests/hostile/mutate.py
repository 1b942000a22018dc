"""Mutations of a protobuf file: of raw bytes, and of its fields with the lengths around them kept right or not."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

_EXTREMES = (0, 1, 2, 3, 7, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1)


@dataclass
class Field:
    """One field of a message. The payload is an int (varint), bytes, or a list of fields if the bytes read as ones."""

    number: int
    wire: int
    payload: int | bytes | list[Field]


@dataclass
class Tree:
    fields: list[Field]
    every: list[tuple[list[Field], Field]] = field(default_factory=list)  # each field with the list it stands in


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def parse(data: bytes, depth: int = 0) -> list[Field] | None:
    """The fields, or None if the bytes are no message."""
    fields, at = [], 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    try:
        while at < len(data):
            key = number()
            wire = key & 7
            payload: int | bytes | list[Field]
            if key < 8 or wire not in (0, 1, 2, 5):
                return None
            if wire == 0:
                payload = number()
            else:
                size = number() if wire == 2 else 8 if wire == 1 else 4
                payload = data[at : at + size]
                if len(payload) < size:
                    return None
                at += size
                if wire == 2 and depth < 6 and size > 1:
                    payload = parse(payload, depth + 1) or payload
            fields.append(Field(key >> 3, wire, payload))
    except IndexError:
        return None
    return fields


def serialize(fields: list[Field], rng: random.Random | None = None, lie: float = 0.0) -> bytes:
    """The message's bytes; with `lie`, a length is wrong with that probability."""
    out = bytearray()
    for one in fields:
        out += varint(one.number << 3 | one.wire)
        if isinstance(one.payload, int):
            out += varint(one.payload)
            continue
        body = serialize(one.payload, rng, lie) if isinstance(one.payload, list) else one.payload
        if one.wire == 2:
            size = len(body)
            if rng is not None and rng.random() < lie:
                size = max(0, size + rng.choice((-8, -1, 1, 2, 8, 1000, 2**31, 2**63)))
            out += varint(size)
        out += body
    return bytes(out)


def flip_bits(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def set_bytes(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 3))):
        out[rng.randrange(len(out))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(out)


def truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def splice(data: bytes, rng: random.Random) -> bytes:
    """A run of bytes repeated, removed or moved."""
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((1, 2, 8, 64)))
    at = rng.randrange(len(data))
    without = data[:start] + data[end:]
    return rng.choice((without, data[:at] + data[start:end] + data[at:], without[:at] + data[start:end] + without[at:]))


def change_fields(data: bytes, rng: random.Random) -> bytes:
    """One to three fields dropped, doubled, replaced, renumbered or given an extreme value."""
    fields = parse(data)
    assert fields is not None
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = _places(fields)
        siblings, one = rng.choice(places)
        _change(siblings, one, rng, places)
    return serialize(fields, rng, rng.choice((0.0, 0.0, 0.0, 0.02)))


def _places(fields: list[Field]) -> list[tuple[list[Field], Field]]:
    found = []
    for one in fields:
        found.append((fields, one))
        if isinstance(one.payload, list):
            found += _places(one.payload)
    return found


def _change(siblings: list[Field], one: Field, rng: random.Random, places: list[tuple[list[Field], Field]]) -> None:
    kind = rng.randrange(6)
    if kind == 0 and one in siblings:
        siblings.remove(one)
    elif kind == 1:
        siblings.insert(rng.randrange(len(siblings) + 1), one)
    elif kind == 2:  # what stands elsewhere in the file
        one.payload, one.wire = (other := rng.choice(places)[1]).payload, other.wire
        if _holds(one, one):
            one.payload, one.wire = b"", 2
    elif kind == 3:
        one.number = rng.choice((1, 2, 3, 4, 5, 7, 8, 9, 20, 1000))
    elif isinstance(one.payload, int):
        one.payload = rng.choice((*_EXTREMES, one.payload + 1, max(0, one.payload - 1)))
    elif isinstance(one.payload, bytes):
        one.payload = rng.choice((b"", one.payload[:-1], one.payload * 2, b"\xff" * len(one.payload), bytes(9)))
    else:
        rng.shuffle(one.payload)


def _holds(outer: Field, inner: Field, depth: int = 0) -> bool:
    """Whether a field would hold itself."""
    if depth > 12:
        return True
    parts = outer.payload if isinstance(outer.payload, list) else []
    return any(part is inner or _holds(part, inner, depth + 1) for part in parts)


MUTATIONS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    mutation.__name__: mutation for mutation in (flip_bits, set_bytes, truncate, splice, change_fields)
}
