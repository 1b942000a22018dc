"""Reads from a 64-bit little-endian ELF file what decides where it runs: machine, libraries and symbol versions needed.

Source: System V ABI (gABI), chapters 4 and 5; Linux Standard Base, "Symbol Versioning" (the layout of .gnu.version_r).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

MACHINES = {62: "x86_64", 183: "aarch64"}
_SHT_DYNAMIC, _SHT_VERNEED = 6, 0x6FFFFFFE
_DT_NEEDED = 1


@dataclass(frozen=True)
class SharedObject:
    machine: str  # of MACHINES, else the number as text
    libraries: frozenset[str]  # DT_NEEDED
    versions: frozenset[str]  # needed of them: "GLIBC_2.17", ...


@dataclass(frozen=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int  # index of the section that holds its strings
    info: int


def _string(data: bytes, strings: _Section, offset: int) -> str:
    start = strings.offset + offset
    return data[start : data.index(b"\0", start)].decode()


def _sections(data: bytes) -> list[_Section]:
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = []
    for i in range(count):
        _, kind, _, _, offset, length, link, info = struct.unpack_from("<IIQQQQII", data, table + i * size)
        sections.append(_Section(kind, offset, length, link, info))
    return sections


def _libraries(data: bytes, dynamic: _Section, strings: _Section) -> set[str]:
    entries = struct.iter_unpack("<QQ", data[dynamic.offset : dynamic.offset + dynamic.size])
    return {_string(data, strings, value) for tag, value in entries if tag == _DT_NEEDED}


def _versions(data: bytes, verneed: _Section, strings: _Section) -> set[str]:
    found = set()
    library = verneed.offset
    for _ in range(verneed.info):
        _, count, _, first, following = struct.unpack_from("<HHIII", data, library)
        entry = library + first
        for _ in range(count):
            _, _, _, name, step = struct.unpack_from("<IHHII", data, entry)
            found.add(_string(data, strings, name))
            entry += step
        library += following
    return found


def read_shared_object(path: Path) -> SharedObject:
    """Raises ValueError if the file is not a 64-bit little-endian ELF file."""
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path}: not a 64-bit little-endian ELF file")
    (machine,) = struct.unpack_from("<H", data, 0x12)
    sections = _sections(data)
    libraries: set[str] = set()
    versions: set[str] = set()
    for section in sections:
        if section.kind == _SHT_DYNAMIC:
            libraries |= _libraries(data, section, sections[section.link])
        elif section.kind == _SHT_VERNEED:
            versions |= _versions(data, section, sections[section.link])
    return SharedObject(MACHINES.get(machine, str(machine)), frozenset(libraries), frozenset(versions))
