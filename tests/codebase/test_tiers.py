"""What the tiers promise: no weak symbols, and every kernel of a stronger tier in the portable one too."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from codebase.project import CPP, kernel_stem, tier_setting, tier_sources, tiers
from fastinfer import _core

PORTABLE = ("scalar", "neon")


def compiled_here() -> list[tuple[str, str, Path]]:
    """(room, tier, source) of every tier object of this architecture."""
    here = [t for t in tiers() if re.search(tier_setting(t, "ARCH"), platform.machine())]
    sources = tier_sources()
    return [(room, t, s) for t in here for room in tier_setting(t, "ROOMS").split() for s in sources.get(room, [])]


def compile_object(compiler: str, tier: str, source: Path, folder: Path) -> Path:
    """Without optimisation: what is then not inlined may not be inlined by some compiler either."""
    out = folder / f"{source.parent.name}_{source.stem}_{tier}.o"
    flags = ["-std=c++20", "-O0", "-w", "-fPIC", "-fno-exceptions", "-fno-rtti", f"-I{CPP}"]
    flags += [f"-DFI_TIER={tier}", f'-DFI_VEC_H="simd/{tier}/vec.h"', *tier_setting(tier, "FLAGS").split()]
    command = [compiler, *flags, "-c", str(source), "-o", str(out)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return out


def symbols(nm: str, file: Path) -> list[tuple[str, str]]:
    """(kind, demangled name) of every defined symbol that other objects can see."""
    command = [nm, "-C", "--defined-only", "--extern-only", str(file)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [(line.split(maxsplit=2)[1], line.split(maxsplit=2)[2]) for line in listing.splitlines() if line]


def test_tier_objects_have_no_weak_symbols(tmp_path: Path) -> None:
    """A weak AVX-512 copy of an inline function could replace the baseline's."""
    compiler = next((c for c in (os.environ.get("CXX", ""), "c++", "g++", "clang++") if c and shutil.which(c)), None)
    nm = shutil.which("nm")
    if not compiler or not nm:
        pytest.skip("needs a C++ compiler and nm")
    jobs = compiled_here()
    assert jobs
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = pool.map(lambda job: compile_object(compiler, job[1], job[2], tmp_path), jobs)
    for (room, tier, source), file in zip(jobs, objects, strict=True):
        found = symbols(nm, file)
        weak = [name for kind, name in found if kind in "VWvwu"]
        assert not weak, f"{room}/{source.name} for {tier}: weak {weak}"
        foreign = [name for _, name in found if f"{room}::{tier}::" not in name]
        assert not foreign, f"{room}/{source.name} for {tier}: outside of its namespace: {foreign}"


@pytest.mark.parametrize("tier", tiers())
def test_rooms_of_a_tier_exist(tier: str) -> None:
    rooms = set(tier_setting(tier, "ROOMS").split())
    assert rooms <= set(tier_sources())
    for portable in PORTABLE:
        assert rooms <= set(tier_setting(portable, "ROOMS").split()), f"{tier} serves rooms that {portable} does not"


def tiers_of(machine: str) -> list[str]:
    """Those with instructions of this architecture's own."""
    return [t for t in tiers() if t != "scalar" and re.search(tier_setting(t, "ARCH"), machine)]


def rooms_of(machine: str) -> set[str]:
    return {room for tier in tiers_of(machine) for room in tier_setting(tier, "ROOMS").split()}


def test_every_family_with_avx_rows_has_neon_rows() -> None:
    """Here by the rooms that the tiers serve; tests/emulated/run.py compares the rows of both architectures."""
    assert "avx2" in tiers_of("x86_64") and "neon" in tiers_of("aarch64")
    lacking = rooms_of("x86_64") - rooms_of("aarch64")
    assert not lacking, f"no ARM64 tier serves {sorted(lacking)}"
    here = tiers_of(platform.machine())
    assert {row["family"] for row in _core.kernels() if row["tier"] in here} == rooms_of(platform.machine())


def test_every_tier_has_the_portable_rows_and_no_others() -> None:
    """Whatever runs on a stronger tier runs on any CPU, and on the tiers of the other architecture.

    run.py compares NEON rows with AVX rows themselves.
    """
    by_tier: dict[str, set[tuple[str, str]]] = {}
    for row in _core.kernels():
        stem, tier = kernel_stem(row["name"])
        by_tier.setdefault(tier, set()).add((row["family"], stem))
    for tier, rows in by_tier.items():
        portable = {row for row in by_tier["scalar"] if row[0] in tier_setting(tier, "ROOMS").split()}
        assert rows - by_tier["scalar"] == set(), f"only {tier} has them"
        assert portable - rows == set(), f"{tier} lacks them"


def test_kernel_names_follow_the_grammar() -> None:
    names = [row["name"] for row in _core.kernels()]
    assert len(set(names)) == len(names)
    for row in _core.kernels():
        assert re.fullmatch(r"[a-z0-9_]+__" + row["tier"], row["name"]), row["name"]
