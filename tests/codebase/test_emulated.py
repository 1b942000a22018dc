"""What tests/emulated/run.py asserts of an emulated processor, and of the two architectures' kernel tables."""

from __future__ import annotations

from typing import Any

import pytest

from processors import PROCESSORS, Processor
from run import Outcome, families_without_neon, faults_of, usable_tiers

BY_NAME = {processor.name: processor for processor in PROCESSORS}
CONVOLUTIONS = ["depthwise f32 f32 f32", "gemm f32 f32 f32"]


def seen_by(processor: Processor) -> dict[str, Any]:
    """What probe.py tells where all is well."""
    tiers = sorted(usable_tiers(processor))
    return {
        "features": sorted(processor.features),
        "tiers": tiers,
        "taken": [processor.takes],
        "taken_if_scalar": ["scalar"],
    }


def outcome(name: str, **families: list[str]) -> Outcome:
    return Outcome(BY_NAME[name], (), (), families)


@pytest.mark.parametrize("name", BY_NAME)
def test_what_should_be_seen_is_no_fault(name: str) -> None:
    assert BY_NAME[name].takes in usable_tiers(BY_NAME[name])
    assert faults_of(BY_NAME[name], seen_by(BY_NAME[name])) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("features", ["avx2", "f16c"]),
        ("features", ["avx2", "avx512f", "f16c", "fma"]),
        ("tiers", ["scalar"]),
        ("tiers", ["avx2", "avx512", "scalar"]),
        ("taken", ["scalar"]),
        ("taken", ["avx2", "avx512"]),
        ("taken_if_scalar", ["avx2", "scalar"]),
    ],
)
def test_anything_else_is_a_fault(key: str, value: list[str]) -> None:
    processor = BY_NAME["x86-avx2"]
    (fault,) = faults_of(processor, seen_by(processor) | {key: value})
    assert fault.startswith(f"{key}: ")


def test_a_family_without_neon_rows_is_found() -> None:
    x86 = outcome("x86-avx2", scalar=["pool f32 f32 f32"], avx2=CONVOLUTIONS[:1], avx512=CONVOLUTIONS)
    assert families_without_neon([x86, outcome("cortex-a53", scalar=CONVOLUTIONS, neon=CONVOLUTIONS)]) == []
    lacking = families_without_neon([x86, outcome("cortex-a53", scalar=CONVOLUTIONS, neon=CONVOLUTIONS[:1])])
    assert lacking == CONVOLUTIONS[1:]
