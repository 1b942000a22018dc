"""What tests/emulated/run.py asserts of an emulated processor, and of the two architectures' kernel tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from processors import PROCESSORS, Processor
from run import Outcome, faults_of, rows_without_neon, usable_tiers

BY_NAME = {processor.name: processor for processor in PROCESSORS}
ROWS = ("blocks_f32_1x4", "blocks_f32_4x1", "depthwise_f32_3x3s1", "fft_f32_8x8", "fft_f32_16x16", "gemm_f32")
TILED = ("blocks_f32_1x4", "blocks_f32_4x1", "gemm_f32")
TILES = {"avx2": "2vx4", "avx512": "8x48", "neon": "4x4v"}


def seen_by(processor: Processor) -> dict[str, Any]:
    """What probe.py tells where all is well."""
    tiers = sorted(usable_tiers(processor))
    return {
        "features": sorted(processor.features),
        "tiers": tiers,
        "taken": [processor.takes],
        "taken_if_scalar": ["scalar"],
    }


def outcome(name: str, tiers: list[str], rows: Iterable[str] = ROWS) -> Outcome:
    """What was seen where these tiers have these rows, and the portable one has all."""
    tiled = [(row, tier, f"_{TILES[tier]}" if row in TILED else "") for tier in tiers for row in rows]
    portable = [f"{row}__scalar" for row in ROWS]
    return Outcome(BY_NAME[name], (), (), (*portable, *(f"{row}{tile}__{tier}" for row, tier, tile in tiled)))


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


@pytest.mark.parametrize("name", BY_NAME)
def test_everything_is_every_folder_and_every_row(name: str) -> None:
    everything = BY_NAME[name].with_everything()
    assert set(everything.folders) == {folder for processor in PROCESSORS for folder in processor.folders}
    assert not everything.elsewhere


@pytest.mark.parametrize("missing", ROWS)
def test_a_row_that_neon_lacks_is_found(missing: str) -> None:
    x86, others = outcome("x86-avx2", ["avx2", "avx512"]), [row for row in ROWS if row != missing]
    assert rows_without_neon([x86, outcome("cortex-a53", ["neon"])]) == []
    assert rows_without_neon([x86, outcome("cortex-a53", ["neon"], others)]) == [missing]
    assert rows_without_neon([x86, outcome("cortex-a53", [])]) == sorted(ROWS)
