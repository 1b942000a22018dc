"""base <- {cpu, simd, parallel} <- kernels <- plan <- bindings, and rooms keep to themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codebase.project import CPP, cpp_files, tier_sources

BELOW = {
    "base": set(),
    "cpu": {"base"},
    "simd": {"base"},
    "parallel": {"base"},
    "kernels": {"base", "cpu", "simd", "parallel"},
    "plan": {"base", "cpu", "simd", "parallel", "kernels"},
    "bindings": {"base", "cpu", "simd", "parallel", "kernels", "plan"},
}
SHARED_ROOMS = {"kernels/gemm/gemm.h"}  # beside kernels/quantize/
GENERATED = {"tiers.inc", "bindings.inc"}
TIER_HEADER = re.compile(r"simd/(\w+/)?tier\.h")

# A tier's objects carry no code of the standard library.
PLAIN_HEADERS = {"cstddef", "cstdint", "climits", "cfloat", "cstring", "immintrin.h", "arm_neon.h", "string.h"}


def includes(file: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', file.read_text(), re.MULTILINE)


def system_includes(file: Path) -> list[str]:
    return re.findall(r"^\s*#\s*include\s+<([^>]+)>", file.read_text(), re.MULTILINE)


def may_include(file: str, included: str) -> bool:
    """Whether a file of cpp/, by its path there, may include another."""
    if included in GENERATED or included.startswith("rooms/"):
        return True
    layer, target = file.split("/")[0], included.split("/")[0]
    if layer == "cpu" and TIER_HEADER.fullmatch(included):
        return True
    if target != layer:
        return target in BELOW[layer]
    if layer != "kernels" or file.count("/") == 1 or included.count("/") == 1:
        return True
    own_room, other_room = file.split("/")[1], included.split("/")[1]
    return own_room == other_room or included in SHARED_ROOMS or other_room == "quantize"


CORE = [f for f in cpp_files() if f.is_relative_to(CPP)]


@pytest.mark.parametrize("file", CORE, ids=lambda f: str(f.relative_to(CPP)))
def test_includes_go_down(file: Path) -> None:
    path = file.relative_to(CPP).as_posix()
    wrong = [included for included in includes(file) if not may_include(path, included)]
    assert not wrong, f"{path} must not include {wrong}"


def test_the_rules_refuse() -> None:
    assert not may_include("base/view.h", "simd/tier.h")
    assert not may_include("parallel/pool.cc", "cpu/topology.h")
    assert not may_include("kernels/pool/run.cc", "kernels/gemm/f32.h")
    assert not may_include("kernels/pool/run.cc", "plan/operator.h")
    assert may_include("kernels/im2col/run.cc", "kernels/gemm/gemm.h")


def everything_included(file: Path, seen: set[Path]) -> set[Path]:
    for name in includes(file):
        header = CPP / name
        if header.exists() and header not in seen:
            seen.add(header)
            everything_included(header, seen)
    return seen


@pytest.mark.parametrize("room", sorted(tier_sources()))
def test_micro_kernels_are_plain(room: str) -> None:
    for source in tier_sources()[room]:
        for file in {source, *everything_included(source, set())}:
            path = file.relative_to(CPP).as_posix()
            assert path.split("/")[0] in {"base", "simd", "kernels"}, f"{source.name} includes {path}"
            unusual = set(system_includes(file)) - PLAIN_HEADERS
            if path not in {"base/error.h", "base/fp_mode.h"}:
                assert not unusual, f"{path}, which a tier source includes, includes {unusual}"
