"""What the tests of the code itself share: where its files are, and what its build files say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CPP = ROOT / "cpp"
PYTHON = ROOT / "python" / "fastinfer"
CPP_ENDINGS = {".cc", ".h", ".inl"}


def cpp_files() -> list[Path]:
    return sorted(p for top in (CPP, ROOT / "bench") for p in top.rglob("*") if p.suffix in CPP_ENDINGS)


def python_files() -> list[Path]:
    return sorted(p for p in PYTHON.rglob("*") if p.suffix in {".py", ".pyi"})


def source_files() -> Iterator[Path]:
    """Every file that people write and read."""
    yield from cpp_files()
    for top in ("python", "bench", "tests", "third_party"):
        yield from (p for p in (ROOT / top).rglob("*") if p.suffix in {".py", ".pyi"})
    yield from CPP.rglob("*.cmake")
    yield from CPP.rglob("CMakeLists.txt")


def tier_setting(tier: str, name: str) -> str:
    """FI_<name>_<tier> of simd/<tier>/tier.cmake, as written."""
    text = (CPP / "simd" / tier / "tier.cmake").read_text()
    found = re.search(rf"set\(FI_{name}_{tier}\s+([^)]*)\)", text)
    assert found, f"{tier}/tier.cmake does not set FI_{name}_{tier}"
    return " ".join(found[1].replace('"', "").split())


def tiers() -> list[str]:
    return sorted(p.parent.name for p in CPP.glob("simd/*/tier.cmake"))


def tier_features(tier: str) -> set[str]:
    """What the tier's mask in tier.h requires, the masks that it builds on included."""
    text = (CPP / "simd" / tier / "tier.h").read_text()
    found = re.search(rf"FeatureMask {tier} =([^;]*);", text)
    assert found, f"{tier}/tier.h does not define its mask"
    features: set[str] = set()
    for term in found[1].replace("|", " ").split():
        if term.startswith("feature::"):
            features.add(term.removeprefix("feature::"))
        elif term != "0":
            features |= tier_features(term)
    return features


def kernel_stem(name: str) -> tuple[str, str]:
    """A kernel's name without its tile, which differs from tier to tier by design, and its tier."""
    stem, _, tier = name.rpartition("__")
    # Of an FFT the size is what it computes.
    return stem if stem.startswith("fft_") else re.sub(r"_\d+v?x\d+v?$", "", stem), tier


def tier_sources() -> dict[str, list[Path]]:
    """Room to the sources that are compiled once per tier."""
    rooms: dict[str, list[Path]] = {}
    for room, files in re.findall(r"fi_room\((\w+)[^)]*?TIER_SOURCES\s+([^)]*)\)", (CPP / "rooms.cmake").read_text()):
        rooms[room] = [CPP / "kernels" / room / name for name in files.split()]
    return rooms
